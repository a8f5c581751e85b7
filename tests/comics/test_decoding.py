"""Which pictures are accepted, and the part that is stored."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import Any

import pytest
from PIL import Image, ImageCms, ImageDraw

from comics.images import decoding
from comics.images.decoding import picture_read
from comics.images.renditions import rendition_encode
from comics.images.structure import ImageRefused
from tests.comics.picture_files import image_path, save_image, store

# Of the EXIF standard.
ORIENTATION, MAKER, GPS = 0x0112, 0x010F, 0x8825


def drawn(width: int = 64, height: int = 48, mode: str = "RGB") -> Image.Image:
    """Return a picture whose upper left quarter is red, on blue."""
    image = Image.new("RGB", (width, height), "blue")
    ImageDraw.Draw(image).rectangle((0, 0, width // 2 - 1, height // 2 - 1), fill="red")
    return image.convert(mode)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "AVIF"])
def test_ordinary_pictures_are_kept_byte_for_byte_and_can_be_made_smaller(
    kind: Any, mode: Any
) -> None:
    try:
        data = save_image(drawn(mode=mode), kind)
    except (OSError, ValueError):
        return  # This format has no such mode.

    stored = store(data)

    assert (stored.media_type, len(stored.data)) == (decoding.MEDIA_TYPES[kind], len(data))
    assert (stored.width, stored.height) == (64, 48)
    path = image_path(stored.digest, stored.media_type)
    assert path.read_bytes() == data
    small = rendition_encode(path, "small")
    assert (small.width, small.height) == (64, 48)


def test_cmyk_and_16_bit_pictures_look_the_same_when_made_smaller() -> None:
    deep = Image.new("I;16", (10, 10), 40_000)
    red = Image.new("CMYK", (10, 10), (0, 255, 255, 0))

    def colour(data: Any) -> Any:
        stored = store(data)
        copy = rendition_encode(image_path(stored.digest, stored.media_type), "small")
        with Image.open(BytesIO(copy.data)) as image:
            return image.convert("RGB").getpixel((5, 5))

    assert colour(save_image(deep, "PNG")) == pytest.approx((156, 156, 156), abs=4)
    assert colour(save_image(red, "JPEG")) == pytest.approx((254, 0, 0), abs=30)


def test_a_colour_profile_is_applied_and_a_broken_one_is_ignored() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()

    for profile in (srgb, lab, b"no profile"):
        stored = store(save_image(drawn(), "PNG", icc_profile=profile))
        copy = rendition_encode(image_path(stored.digest, stored.media_type), "small")
        with Image.open(BytesIO(copy.data)) as image:
            assert "icc_profile" not in image.info
            assert image.convert("RGB").getpixel((5, 5)) == pytest.approx((254, 0, 0), abs=12)


def test_a_long_strip_shows_its_top() -> None:
    stored = store(save_image(drawn(200, 20_000), "PNG"))

    copy = rendition_encode(image_path(stored.digest, stored.media_type), "small")

    assert (copy.width, copy.height) == (160, 320)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_rotated_photo_is_kept_upright_without_where_it_was_taken(kind: Any) -> None:
    exif = Image.Exif()
    exif[ORIENTATION], exif[MAKER] = 6, "SecretCamera"
    exif.get_ifd(GPS)[2] = (52.0, 31.0, 12.0)
    data = save_image(drawn(64, 48), kind, exif=exif)

    picture = picture_read(data)

    assert (picture.width, picture.height) == (48, 64)
    assert b"SecretCamera" not in picture.data
    with Image.open(BytesIO(picture.data)) as image:
        assert (image.format, image.size) == (kind, (48, 64))
        assert not image.getexif()
        # Turned to the right, the upper left quarter is the upper right one.
        assert image.convert("RGB").getpixel((40, 8)) == pytest.approx((254, 0, 0), abs=20)
        assert image.convert("RGB").getpixel((8, 8)) == pytest.approx((0, 0, 254), abs=20)


def test_xmp_is_removed() -> None:
    for kind in ("JPEG", "WEBP"):
        data = save_image(drawn(), kind, xmp=b"<x:xmpmeta>SecretPlace</x:xmpmeta>")
        assert b"SecretPlace" in data
        assert b"SecretPlace" not in picture_read(data).data


def test_a_phones_picture_with_a_second_view_becomes_a_plain_one() -> None:
    data = save_image(drawn(), "MPO", save_all=True, append_images=[drawn()])

    picture = picture_read(data)

    with Image.open(BytesIO(picture.data)) as image:
        assert (picture.media_type, image.format, image.size) == ("image/jpeg", "JPEG", (64, 48))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF"])
def test_animated_pictures_are_refused(kind: Any) -> None:
    frames = [drawn(), drawn().rotate(90), drawn().rotate(180)]
    data = save_image(frames[0], kind, save_all=True, append_images=frames[1:])

    with pytest.raises(ImageRefused, match="Animated"):
        picture_read(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"GIF89a",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"RIFF\x00\x00\x00\x00WEBPVP8 ",
        save_image(drawn(), "BMP"),
        save_image(drawn(), "TIFF"),
        b"\0\0\0\x1cftypavif",
    ],
)
def test_a_file_that_is_no_accepted_picture_is_refused(data: Any) -> None:
    with pytest.raises(ImageRefused):
        picture_read(data)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "AVIF"])
@pytest.mark.parametrize("part", [0.2, 0.5, 0.9])
def test_a_truncated_picture_is_refused(kind: Any, part: Any) -> None:
    data = save_image(drawn(400, 300).rotate(20), kind)

    with pytest.raises(ImageRefused):
        picture_read(data[: int(len(data) * part)])


def test_a_damaged_picture_is_refused() -> None:
    data = bytearray(save_image(drawn(400, 300).rotate(20), "PNG"))
    data[len(data) // 2] ^= 0xFF

    with pytest.raises(ImageRefused):
        picture_read(bytes(data))


def png_of(width: int, height: int) -> bytes:
    """Return a tiny PNG that claims to be of this size."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 100_000)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", header), chunk(b"IDAT", pixels), chunk(b"IEND", b"")]
    )


@pytest.mark.parametrize("side", [6_400, 9_500, 13_500, 60_000])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(
    side: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image.Image, "load", lambda image: pytest.fail("decoded"))

    with pytest.raises(ImageRefused, match="million pixels"):
        picture_read(png_of(side, side))


def test_text_that_unpacks_to_much_is_refused() -> None:
    body = b"bomb\0\0" + zlib.compress(b"\0" * 100_000_000)
    data = save_image(drawn(), "PNG")
    chunk = (
        struct.pack(">I", len(body))
        + b"zTXt"
        + body
        + struct.pack(">I", zlib.crc32(b"zTXt" + body))
    )

    with pytest.raises(ImageRefused):
        picture_read(data[:33] + chunk + data[33:])


def test_equal_bytes_are_one_file_and_no_draft_remains(make_picture: Any) -> None:
    data = make_picture()

    first, second = store(data), store(data)

    assert first == second
    path = image_path(first.digest, first.media_type)
    assert path.name.startswith(first.digest)
    assert [each.name for each in path.parent.iterdir() if each.name.startswith(".")] == []
