"""Smaller copies of an image for thumbnails; figures in docs/images.md."""

from __future__ import annotations

from hashlib import sha256
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageCms, ImageOps

from comics.images.decoding import Picture
from comics.images.structure import refuse_costly

# Widths in pixels: half, one and two columns of a gallery at 320 px. Nothing is made larger.
WIDTHS = {"small": 160, "medium": 320, "large": 640}

# A longer strip is cut to its top; scaled as a whole it would be a line. A book page (1:1.5) stays
# whole.
MAX_HEIGHT_PER_WIDTH = 2

# On real comic pages a third to two fifths smaller than JPEG; PNG is 10 times as large.
_FORMAT, _QUALITY, _METHOD = "WEBP", 80, 4
MEDIA_TYPE = "image/webp"

# Modes that a colour profile may describe, and the same without transparency and palette.
_COLOURS = {
    "L": "L",
    "LA": "L",
    "P": "RGB",
    "PA": "RGB",
    "RGB": "RGB",
    "RGBA": "RGB",
    "CMYK": "CMYK",
}


def rendition_encode(path: Path, size: str) -> Picture:
    """Return the smaller copy of the image at `path`.

    Raises:
        FileNotFoundError: The image is gone.
        ImageRefused: It was kept before such pictures were refused.
    """
    refuse_costly(path.read_bytes())
    with Image.open(path) as image:
        # JPEG decodes to a half, quarter or eighth at once; other formats ignore this.
        width = min(WIDTHS[size], image.width)
        image.draft(None, (width * 2, image.height * width * 2 // image.width))
        # Stored pictures are upright, but for AVIF and PNG of 16 bits.
        upright = ImageOps.exif_transpose(image)
        small = _shrunk(upright, min(WIDTHS[size], upright.width))
        out = BytesIO()
        small.save(out, _FORMAT, quality=_QUALITY, method=_METHOD, icc_profile=None)
    data = out.getvalue()
    return Picture(data, sha256(data).hexdigest(), MEDIA_TYPE, *small.size)


def _shrunk(image: Image.Image, width: int) -> Image.Image:
    shown = min(image.height, MAX_HEIGHT_PER_WIDTH * image.width)
    top = (0, 0, image.width, shown)
    height = max(1, round(shown * width / image.width))
    small = _in_srgb(image).resize((width, height), Image.Resampling.LANCZOS, top, reducing_gap=3.0)
    small.info.clear()
    return small


def _in_srgb(image: Image.Image) -> Image.Image:
    """Return the image in the colours that a browser assumes, so that no profile is shipped."""
    mode = "RGBA" if image.has_transparency_data else "RGB"
    profile = image.info.get("icc_profile")
    if profile and image.mode in _COLOURS:
        try:
            return _from_profile(image, profile, mode)
        except (ImageCms.PyCMSError, OSError):
            pass  # A profile that does not fit the pixels: shown without it.
    if image.mode.startswith("I;16"):  # Pillow would clip at 255 instead of dividing.
        image = image.point(lambda value: value / 256).convert("L")
    return image.convert(mode)


def _from_profile(image: Image.Image, profile: bytes, mode: str) -> Image.Image:
    """Return the image, converted from its colour profile to sRGB; transparency stays as it is."""
    alpha = image.convert("RGBA").getchannel("A") if mode == "RGBA" else None
    source = ImageCms.ImageCmsProfile(BytesIO(profile))
    converted = ImageCms.profileToProfile(
        image.convert(_COLOURS[image.mode]),
        source,
        ImageCms.createProfile("sRGB"),
        outputMode="RGB",
    )
    if converted is None:
        raise TypeError("Only a conversion in place returns nothing.")
    if alpha:
        converted.putalpha(alpha)
    return converted
