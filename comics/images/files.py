"""Store picture files: named by their content, written atomically."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from django.core.files.storage import storages

from comics.images.decoding import Picture

# Pictures, and drafts that `write_whole` left when it was killed.
FILE_PATTERN = r"[0-9a-f]{64}(\.\w+)?\.\w+|\.\w+\.part"
_EXTENSIONS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "image/gif": "gif",
    "image/avif": "avif",
}


def picture_file_write(picture: Picture) -> None:
    """Put the file of a checked picture in place, unless it is there."""
    path = image_path(picture.digest, picture.media_type)
    if not path.exists():
        write_whole(path, picture.data)


def image_path(digest: str, media_type: str) -> Path:
    """Return the path of an image's file."""
    return _path(image_name(digest, media_type))


def rendition_path(digest: str, size: str) -> Path:
    """Return the path of an image's smaller copy."""
    return _path(rendition_name(digest, size))


def image_name(digest: str, media_type: str) -> str:
    """Return the path of an image's file in the storage."""
    return f"{digest[:2]}/{digest}.{_EXTENSIONS[media_type]}"


def rendition_name(digest: str, size: str) -> str:
    """Return the path of an image's smaller copy in the storage.

    Named after the image it is of, not after its own content: two images may have equal thumbnails,
    and deleting one must not take the other's.
    """
    return f"{digest[:2]}/{digest}.{size}.webp"


def digest_of(name: str) -> str:
    """Return the digest of the image that a file is of; nothing sensible of a draft."""
    return name.partition("/")[2].partition(".")[0]


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


def image_files_delete(digest: str, media_type: str, sizes: list[str]) -> None:
    """Remove an image's file and those of its smaller copies; a missing file is no error."""
    for path in [image_path(digest, media_type), *(rendition_path(digest, s) for s in sizes)]:
        path.unlink(missing_ok=True)


def _path(name: str) -> Path:
    return Path(storages["images"].path(name))
