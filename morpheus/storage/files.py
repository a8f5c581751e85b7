"""Access to stored files, whichever storage has them."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any

from django.conf import settings
from django.core.files.storage import storages


class StorageUnavailable(Exception):
    """The object store does not respond, or refuses the request."""


def find_folder(alias: str) -> Path | None:
    """Return the folder of a storage; None if it is an object store."""
    try:
        return Path(storages[alias].path(""))
    except NotImplementedError:
        return None


def open_file(alias: str, name: str) -> IO[bytes]:
    """Open a stored file to read it.

    Raises:
        FileNotFoundError: It is gone.
        StorageUnavailable: The object store cannot deliver it.
    """
    folder = find_folder(alias)
    if folder is not None:
        return (folder / name).open("rb")
    copy: IO[bytes] = storages[alias].open(name)
    return copy


@contextmanager
def local_copy(alias: str, name: str) -> Iterator[Path]:
    """Yield the path of a stored file; that of a temporary copy if it is in an object store.

    Raises:
        FileNotFoundError: It is gone. In a folder, only its reader finds out.
        StorageUnavailable: The object store cannot deliver it.
    """
    folder = find_folder(alias)
    if folder is not None:
        yield folder / name
        return
    with NamedTemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR) as copy:
        with open_file(alias, name) as stored:
            shutil.copyfileobj(stored, copy)
        copy.flush()
        yield Path(copy.name)


def delete_objects(alias: str, names: Iterable[str]) -> None:
    """Delete files of an object store together; a missing one is no error.

    Raises:
        StorageUnavailable: Some may be left.
    """
    storage: Any = storages[alias]
    storage.delete_together(list(names))
