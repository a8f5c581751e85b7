"""Picture files for tests, and the way of an upload to its file."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

from django.core.files.storage import storages
from PIL import Image

from comics.images.decoding import Picture, picture_read
from comics.images.files import image_name, picture_file_write, rendition_name


def save_image(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def image_path(digest: str, media_type: str) -> Path:
    """Return the path of an image's file."""
    return _path(image_name(digest, media_type))


def rendition_path(digest: str, size: str) -> Path:
    """Return the path of an image's smaller copy."""
    return _path(rendition_name(digest, size))


def _path(name: str) -> Path:
    return Path(storages["images"].path(name))


def store(data: bytes) -> Picture:
    picture = picture_read(data)
    picture_file_write(picture)
    return picture
