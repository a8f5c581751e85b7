"""Store picture files: named by their content, written atomically."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from django.core.files.base import ContentFile
from django.core.files.storage import storages

from comics.images.decoding import Picture
from morpheus.storage.files import find_folder

# Pictures, and drafts that `write_whole` left when it was killed.
FILE_PATTERN = r"[0-9a-f]{64}(\.\w+){1,3}|\.\w+\.part"
_EXTENSIONS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "image/gif": "gif",
    "image/avif": "avif",
}


def picture_file_write(picture: Picture, generation: str = "") -> None:
    """Put the file of a checked picture in place, unless a folder has it."""
    name = image_name(picture.digest, picture.media_type, generation)
    folder = find_folder("images")
    if folder is None or not (folder / name).exists():
        file_write(name, picture.data)


def image_name(digest: str, media_type: str, generation: str = "") -> str:
    """Return the path of an image's file in the storage."""
    return f"{_stem(digest, generation)}.{_EXTENSIONS[media_type]}"


def rendition_name(digest: str, size: str, generation: str = "") -> str:
    """Return the path of an image's smaller copy in the storage.

    Named after the image it is of, not after its own content: two images may have equal thumbnails,
    and deleting one must not take the other's.
    """
    return f"{_stem(digest, generation)}.{size}.webp"


def _stem(digest: str, generation: str) -> str:
    return f"{digest[:2]}/{digest}" + (generation and f".{generation}")


def digest_of(name: str) -> str:
    """Return the digest of the image that a file is of; nothing sensible of a draft."""
    return name.partition("/")[2].partition(".")[0]


def file_write(name: str, data: bytes) -> None:
    """Store a file that readers see complete or not at all."""
    folder = find_folder("images")
    if folder is None:
        storages["images"].save(name, ContentFile(data))
    else:
        write_whole(folder / name, data)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that readers see complete or not at all, also after a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".part", delete=False) as draft:
        try:
            draft.write(data)
            draft.flush()
            os.fsync(draft.fileno())
            os.replace(draft.name, path)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(draft.name)
            raise
