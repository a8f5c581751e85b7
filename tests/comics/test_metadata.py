"""Metadata is cut out of a picture, and no pixel changes."""

from __future__ import annotations

import zlib
from io import BytesIO
from typing import Any

import pytest
from PIL import Image, ImageCms, ImageDraw
from PIL.PngImagePlugin import PngInfo

from comics.images import isobmff
from comics.images.decoding import picture_read
from comics.images.renditions import rendition_encode
from comics.images.structure import ImageRefused
from tests.comics.picture_files import image_path, save_image, store

ORIENTATION, MAKER = 0x0112, 0x010F
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>SecretPlace</x:xmpmeta>"


def gradient(mode: str = "RGB") -> Image.Image:
    """Return a picture of many colours, 80 × 60."""
    image = Image.merge("RGB", [Image.linear_gradient("L").rotate(turn) for turn in (0, 90, 45)])
    return image.resize((80, 60)).convert(mode)


def exif_of(orientation: int = 1) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION], exif[MAKER] = orientation, "SecretCamera"
    return exif


def pixels(data: bytes) -> tuple[str, tuple[int, int], bytes]:
    with Image.open(BytesIO(data)) as image:
        return image.mode, image.size, image.tobytes()


def png_chunk(name: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")


def deep_png(extra: bytes = b"") -> bytes:
    """Return a PNG of 4 × 2 pixels with 16 bits for each colour, which Pillow cannot write."""
    header = (4).to_bytes(4, "big") + (2).to_bytes(4, "big") + bytes([16, 2, 0, 0, 0])
    rows = b"".join(b"\0" + bytes(range(row, row + 24)) for row in (1, 100))
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    first, *others = [png_chunk(*chunk) for chunk in chunks]
    return b"\x89PNG\r\n\x1a\n" + first + extra + b"".join(others)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("JPEG", {"quality": 70}),
        ("WEBP", {"lossless": True}),
        ("WEBP", {"quality": 60}),
        ("AVIF", {"quality": 60}),
    ],
)
def test_no_pixel_changes_without_metadata(kind: str, options: Any) -> None:
    plain = save_image(gradient(), kind, **options)
    data = save_image(gradient(), kind, exif=exif_of(), xmp=XMP, **options)

    kept = picture_read(data).data

    assert pixels(kept) == pixels(data) == pixels(plain)
    assert b"SecretCamera" in data and b"SecretPlace" in data or kind == "PNG"
    assert b"SecretCamera" not in kept and b"SecretPlace" not in kept
    assert len(kept) == len(data) if kind == "AVIF" else len(kept) <= len(plain) + 32


def test_text_of_programs_is_removed_from_a_png_and_that_of_authors_stays() -> None:
    info = PngInfo()
    info.add_text("Raw profile type exif", "SecretCamera", zip=False)
    info.add_itxt("XML:com.adobe.xmp", "SecretPlace")
    info.add_text("exif:Model", "SecretModel")
    info.add_text("Author", "Jane")
    data = save_image(gradient(), "PNG", pnginfo=info)

    kept = picture_read(data).data

    assert b"Secret" in data and b"Secret" not in kept
    assert b"Jane" in kept
    assert pixels(kept) == pixels(data)


def test_xmp_is_removed_from_a_gif() -> None:
    data = save_image(gradient("P"), "GIF", comment=b"by Jane")
    # Adobe's trailer leads decoders that skip sub-blocks to the end of the block.
    trailer = b"\x01" + bytes(range(255, -1, -1)) + b"\0"
    start = data.index(b"\x21\xfe")
    with_xmp = data[:start] + b"\x21\xff\x0bXMP DataXMP" + XMP + trailer + data[start:]

    assert picture_read(with_xmp).data == data


def test_gamma_and_depth_stay() -> None:
    gamma = png_chunk(b"gAMA", (45_455).to_bytes(4, "big"))
    exif = png_chunk(b"eXIf", exif_of().tobytes()[6:])

    assert picture_read(deep_png(gamma + exif)).data == deep_png(gamma)


@pytest.mark.parametrize(
    ("kind", "options"), [("PNG", {}), ("WEBP", {"lossless": True, "exact": True})]
)
def test_a_rotated_lossless_picture_keeps_its_pixels(kind: str, options: Any) -> None:
    image = gradient("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    data = save_image(image, kind, exif=exif_of(6), **options)

    kept = picture_read(data)

    upright = image.transpose(Image.Transpose.ROTATE_270)
    assert (kept.width, kept.height) == upright.size
    assert pixels(kept.data)[2] == upright.tobytes()


def test_a_rotated_png_keeps_its_gamma_and_profile() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    info = PngInfo()
    info.add(b"gAMA", (45_455).to_bytes(4, "big"))
    data = save_image(gradient(), "PNG", exif=exif_of(3), pnginfo=info, icc_profile=profile)

    with Image.open(BytesIO(picture_read(data).data)) as kept:
        assert kept.info["gamma"] == pytest.approx(0.45455)
        assert kept.info["icc_profile"] == profile


def test_a_rotated_png_of_16_bits_keeps_its_depth_and_is_shown_upright() -> None:
    picture = picture_read(deep_png(png_chunk(b"eXIf", exif_of(6).tobytes()[6:])))

    assert (picture.width, picture.height) == (2, 4)
    assert b"SecretCamera" not in picture.data
    assert picture.data[24] == 16
    with Image.open(BytesIO(picture.data)) as image:
        assert dict(image.getexif()) == {ORIENTATION: 6}
    stored = store(picture.data)
    small = rendition_encode(image_path(stored.digest, stored.media_type), "small")
    assert (small.width, small.height) == (2, 4)


def test_a_broken_exif_block_does_not_refuse_a_picture() -> None:
    broken = png_chunk(b"eXIf", b"II*\0\xff\xff\xff\xff no directory")

    assert picture_read(deep_png(broken)).data == deep_png()


def test_large_text_and_profiles_are_accepted() -> None:
    info = PngInfo()
    info.add_text("Comment", "a" * 2_000_000, zip=True)
    data = save_image(gradient(), "PNG", pnginfo=info)
    with_profile = save_image(gradient(), "PNG", icc_profile=b"\0" * 2_000_000)

    assert picture_read(data).data == data
    assert picture_read(with_profile).data == with_profile


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_that_lacks_only_its_end_marker_is_accepted(progressive: bool) -> None:
    data = save_image(gradient(), "JPEG", progressive=progressive)

    assert picture_read(data[:-2]).data == data


def test_a_jpeg_that_lacks_data_is_refused() -> None:
    data = save_image(gradient(), "JPEG", quality=95)

    for missing in (40, 200, len(data) // 3):
        with pytest.raises(ImageRefused, match="incomplete"):
            picture_read(data[:-missing])


def test_an_avif_is_accepted_and_shown_in_thumbnails_as_it_is_rotated() -> None:
    image = Image.new("RGB", (64, 48), "blue")
    ImageDraw.Draw(image).rectangle((0, 0, 31, 23), fill="red")
    stored = store(save_image(image, "AVIF", exif=exif_of(6)))

    assert (stored.media_type, stored.width, stored.height) == ("image/avif", 48, 64)
    path = image_path(stored.digest, stored.media_type)
    assert b"SecretCamera" not in path.read_bytes()
    small = rendition_encode(path, "small")
    with Image.open(BytesIO(small.data)) as shown:
        assert shown.size == (48, 64)
        assert shown.convert("RGB").getpixel((40, 8)) == pytest.approx((254, 0, 0), abs=25)


def test_an_avif_whose_parts_overlap_or_are_too_many_is_refused_fast() -> None:
    def box(name: bytes, body: bytes) -> bytes:
        return (len(body) + 8).to_bytes(4, "big") + name + body

    entry = box(b"infe", bytes([2, 0, 0, 0]) + b"\0\x01\0\0Exif\0")
    types = box(b"iinf", bytes(4) + b"\0\x01" + entry)
    item = b"\0\x01\0\0"

    def meta(sizes: int, extents: int, extent: bytes) -> bytes:
        places = bytes(4) + sizes.to_bytes(2, "big") + b"\0\x01" + item
        places += extents.to_bytes(2, "big") + extent * extents
        return box(b"meta", bytes(4) + types + box(b"iloc", places))

    for data in (meta(0x1100, 300, b"\1\xf0"), meta(0x0000, 65_000, b"")):
        with pytest.raises(ValueError, match=r"overlap|too many"):
            list(isobmff.metadata_extents(data))


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "ICO"])
def test_a_refusal_names_the_accepted_formats(kind: str) -> None:
    with pytest.raises(ImageRefused, match="PNG, JPEG, WebP, GIF or AVIF"):
        picture_read(save_image(gradient(), kind))


def test_a_transparent_colour_stays_transparent_beside_a_profile() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = Image.new("RGB", (40, 40), (255, 0, 255))
    image.paste((0, 128, 0), (20, 0, 40, 40))
    data = save_image(image, "PNG", icc_profile=profile, transparency=(255, 0, 255))

    stored = store(data)
    small = rendition_encode(image_path(stored.digest, stored.media_type), "small")

    with Image.open(BytesIO(small.data)) as shown:
        assert shown.getpixel((5, 20))[3] == 0  # type: ignore[index]
        assert shown.convert("RGBA").getpixel((30, 20)) == pytest.approx((0, 128, 0, 255), abs=8)
