"""The pictures that a client may upload, and the part of the file that is stored.

It runs in child processes (comics/images/sandboxed.py): nothing here reads settings.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from typing import Any

from PIL import Image, ImageOps, JpegImagePlugin

from comics.images.structure import ImageRefused, refuse_costly

# Formats that every browser shows. SVG is not among them: it can hold scripts.
MEDIA_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif"}

# A page of A4 at 600 dpi has 35 million; decoded, this many take 160 MB.
MAX_PIXELS = 40_000_000

# Blocks that cameras and programs add, and that can name a place, a device or a person.
_PRIVATE_BLOCKS = ("exif", "xmp", "iptc", "photoshop", "app1")

# Blocks that change how the pixels look, so they are kept when the file is rewritten.
_APPEARANCE = ("icc_profile", "transparency", "gamma", "dpi")


@dataclass(frozen=True, slots=True)
class Picture:
    """A checked picture, as it is stored.

    Attributes:
        digest: SHA-256 of `data` in hexadecimal.
        width: Pixels, as shown: after the rotation that EXIF asks for.
        height: The same.
    """

    data: bytes
    digest: str
    media_type: str
    width: int
    height: int

    @property
    def columns(self) -> dict[str, Any]:
        """The columns of an image or a rendition that describe its file."""
        return {
            "digest": self.digest,
            "media_type": self.media_type,
            "width": self.width,
            "height": self.height,
            "size_bytes": len(self.data),
        }


def picture_read(data: bytes) -> Picture:
    """Decode an upload to the last pixel and return the file to store.

    The bytes are kept as they came, unless they carry EXIF, XMP or IPTC: then the pixels are
    written anew, upright and without those, in the same format (JPEG with its own quantization).

    Raises:
        ImageRefused: Too many pixels or blocks, broken, animated, or of no accepted format.
        MemoryError: It needs more than this process may have.
    """
    try:
        refuse_costly(data)
        return _read(data)
    except (ImageRefused, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large() from error
    except Exception as error:
        # Decoders fail on broken files in many ways (struct.error, zlib.error…).
        raise broken() from error


def broken() -> ImageRefused:
    """Return the refusal of a file that no decoder can read."""
    return ImageRefused("This is not a picture, or it is broken or incomplete.")


def _read(data: bytes) -> Picture:
    with Image.open(BytesIO(data), formats=list(MEDIA_TYPES)) as image:
        if image.width * image.height > MAX_PIXELS:
            raise _too_large()
        # Phones write a JPEG with a second view of the same picture as "MPO".
        is_mpo = image.format == "MPO"
        if getattr(image, "is_animated", False) and not is_mpo:
            raise ImageRefused("Animated pictures are not accepted.")
        image.load()
        kind = "JPEG" if is_mpo else str(image.format)
        size = image.size
        if is_mpo or _is_private(image.info):
            data, size = _written_anew(image, kind)
    return Picture(data, sha256(data).hexdigest(), MEDIA_TYPES[kind], *size)


def _too_large() -> ImageRefused:
    return ImageRefused(f"At most {MAX_PIXELS // 10**6} million pixels are accepted.")


def _is_private(info: dict[Any, Any]) -> bool:
    return any(word in str(key).lower() for key in info for word in _PRIVATE_BLOCKS)


def _written_anew(image: Image.Image, kind: str) -> tuple[bytes, tuple[int, int]]:
    options: dict[str, Any] = {}
    if kind == "JPEG":
        options["qtables"] = image.quantization  # type: ignore[attr-defined]
        options["subsampling"] = JpegImagePlugin.get_sampling(image)
    elif kind == "WEBP":
        # Method 2 takes a sixth of the time of 4 (2 s for 40 million pixels) and much less memory,
        # for 6 % more bytes.
        options |= {"quality": 95, "method": 2}
    upright = ImageOps.exif_transpose(image)
    upright.info = {key: image.info[key] for key in _APPEARANCE if key in image.info}
    out = BytesIO()
    upright.save(out, kind, icc_profile=image.info.get("icc_profile"), **options)
    return out.getvalue(), upright.size
