"""Picture files: accepted formats, paths and smaller copies. Uses no database."""

from __future__ import annotations

from comics.images.decoding import Picture, picture_read
from comics.images.files import StoredImage, image_file_store
from comics.images.sandboxed import picture_check, rendition_check
from comics.images.structure import ImageRefused

__all__ = [
    "ImageRefused",
    "Picture",
    "StoredImage",
    "image_file_store",
    "picture_check",
    "picture_read",
    "rendition_check",
]
