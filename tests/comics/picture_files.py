"""Picture files for tests, and the way of an upload to its file."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from PIL import Image

from comics.images.decoding import Picture, picture_read
from comics.images.files import picture_file_write


def save_image(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def store(data: bytes) -> Picture:
    picture = picture_read(data)
    picture_file_write(picture)
    return picture
