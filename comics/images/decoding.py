"""The pictures that a client may upload, and the part of the file that is stored.

It runs in child processes (comics/images/sandboxed.py): nothing here reads settings.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from typing import Any

from PIL import Image, ImageOps, JpegImagePlugin, PngImagePlugin, UnidentifiedImageError

from comics.images.metadata import add_orientation, remove_metadata
from comics.images.structure import (
    ImageRefused,
    jpeg_segments,
    png_chunks,
    refuse_costly,
    webp_chunks,
)

# Formats that every browser shows. SVG is not among them: it can hold scripts.
MEDIA_TYPES = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "AVIF": "image/avif",
}

# A page of A4 at 600 dpi has 35 million; decoded, this many take 160 MB.
MAX_PIXELS = 40_000_000

# Pillow refuses text and profiles of a PNG above 1 MB. Programs write more, and browsers show them.
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY = 32 * 1024 * 1024

# How a file begins that claims to be of an accepted format.
_SIGNATURES = re.compile(rb"\x89PNG|\xff\xd8|RIFF....WEBP|GIF8|....ftypavi[fs]", re.DOTALL)

_ORIENTATION = 0x0112
_TURNED_ASIDE = range(5, 9)

# Chunks of a PNG that change how its pixels look. Pillow copies the profile, but not these.
_APPEARANCE_CHUNKS = frozenset({b"gAMA", b"cHRM", b"sRGB", b"cICP", b"sBIT"})
_APPEARANCE = ("icc_profile", "transparency", "dpi")

_END_OF_IMAGE = b"\xff\xd9"
# Data that a decoder uses in the place of a missing end, which it otherwise takes for zeros.
_FILLER = bytes(range(1, 0xFF)) * 64


@dataclass(frozen=True, slots=True)
class Picture:
    """A checked picture, as it is stored."""

    data: bytes
    # SHA-256 of `data` in hexadecimal.
    digest: str
    media_type: str
    # Pixels, as shown: after the rotation that EXIF asks for.
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

    The bytes stay as they are, but for EXIF, XMP and IPTC. These are cut out, so that no pixel
    changes. Only a picture that EXIF rotates is written anew: upright, in the same format, a JPEG
    with its own quantization.

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
    except UnidentifiedImageError as error:
        if _SIGNATURES.match(data):
            raise broken() from error
        raise ImageRefused(
            "This is no PNG, JPEG, WebP, GIF or AVIF; other formats are not accepted."
        ) from error
    except Exception as error:
        # Decoders fail on broken files in many ways (struct.error, zlib.error…).
        raise broken() from error


def broken() -> ImageRefused:
    """Return the refusal of a file that no decoder can read."""
    return ImageRefused("This picture is broken or incomplete.")


def _too_large() -> ImageRefused:
    return ImageRefused(f"At most {MAX_PIXELS // 10**6} million pixels are accepted.")


def _read(data: bytes) -> Picture:
    if data.startswith(b"\xff\xd8"):
        data = _with_end(data)
    with _open(data) as image:
        # Phones write a JPEG with a second view of the same picture as "MPO".
        kind = "JPEG" if image.format == "MPO" else str(image.format)
        if getattr(image, "is_animated", False) and image.format != "MPO":
            raise ImageRefused("Animated pictures are not accepted.")
        image.load()
        orientation = _orientation(image)
        width, height = image.size
        if orientation in _TURNED_ASIDE:
            width, height = height, width
        # An AVIF is rotated by a property of its own, which browsers follow.
        if orientation != 1 and kind != "AVIF":
            data = _turned_upright(image, kind, data, orientation)
        else:
            data = remove_metadata(data, kind)
    return Picture(data, sha256(data).hexdigest(), MEDIA_TYPES[kind], width, height)


def _open(data: bytes) -> Image.Image:
    image = Image.open(BytesIO(data), formats=list(MEDIA_TYPES))
    if image.width * image.height > MAX_PIXELS:
        raise _too_large()
    return image


def _orientation(image: Image.Image) -> int:
    """Return the orientation of EXIF, 1 to 8; 1 if EXIF is missing or broken, as in browsers."""
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except Exception:
        # Pillow fails on broken blocks in many ways.
        return 1
    return orientation if orientation in range(1, 9) else 1


def _with_end(jpeg: bytes) -> bytes:
    """Return the JPEG with its end marker; refuse one that misses more.

    A decoder takes missing data for zeros. If other data in its place changes no pixel, all pixels
    are there.
    """
    if any(marker == _END_OF_IMAGE[1] for marker, _, _ in jpeg_segments(jpeg)):
        return jpeg
    if _pixels_digest(jpeg + _END_OF_IMAGE) != _pixels_digest(jpeg + _FILLER + _END_OF_IMAGE):
        raise broken()
    return jpeg + _END_OF_IMAGE


def _pixels_digest(data: bytes) -> bytes:
    with _open(data) as image:
        return sha256(image.tobytes()).digest()


def _turned_upright(image: Image.Image, kind: str, data: bytes, orientation: int) -> bytes:
    is_deep = kind == "PNG" and data[24] == 16 and data[25] != 0
    if is_deep:  # Pillow decodes 16 bits of colours to 8; browsers follow EXIF here, too.
        return add_orientation(remove_metadata(data, kind), orientation)
    options: dict[str, Any] = {}
    if kind == "PNG":
        options["pnginfo"] = _appearance(data)
    elif kind == "JPEG":
        options["qtables"] = image.quantization  # type: ignore[attr-defined]
        options["subsampling"] = JpegImagePlugin.get_sampling(image)
    elif kind == "WEBP":
        # Method 2 takes a sixth of the time of 4 (2 s for 40 million pixels) and much less memory,
        # for 6 % more bytes.
        options |= {"quality": 95, "method": 2}
        if any(name == b"VP8L" for name, _, _ in webp_chunks(data)):
            options |= {"lossless": True, "exact": True, "quality": 20}
    upright = ImageOps.exif_transpose(image)
    upright.info = {key: image.info[key] for key in _APPEARANCE if key in image.info}
    out = BytesIO()
    upright.save(out, kind, icc_profile=image.info.get("icc_profile"), **options)
    return out.getvalue()


def _appearance(png: bytes) -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    for name, start, end in png_chunks(png):
        if name in _APPEARANCE_CHUNKS:
            info.add(name, png[start + 8 : end - 4])
    return info
