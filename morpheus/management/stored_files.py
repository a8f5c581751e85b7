"""Copies of the folders of uploads and images, for backups.

A file there never changes: its name is random, or follows from its content. So a file that the copy
has already need not be copied again.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from morpheus.storage.files import find_folder

ALIASES = ("uploads", "images")


def find_folders() -> dict[str, Path]:
    """Return the folder of each storage that has one on this machine."""
    folders = {alias: find_folder(alias) for alias in ALIASES}
    return {alias: folder for alias, folder in folders.items() if folder is not None}


def list_object_stores() -> list[str]:
    """Return a line for each storage without a folder, which has a backup of its own."""
    return [
        f"{alias}: in an object store, and not part of backups here; see docs/backup.md"
        for alias in ALIASES
        if find_folder(alias) is None
    ]


def copy_missing_files(source: Path, target: Path, *, like: Path | None = None) -> int:
    """Copy the files that `target` does not have in the same size; return how many.

    A file is complete or absent. Its time is that of the copy, so that housekeeping does not take
    a restored file for an old one without a row.

    Args:
        like: An older copy, whose files are linked instead of copied.
    """
    copied = 0
    for folder, _, names in os.walk(source):
        place = target / Path(folder).relative_to(source)
        older = like / Path(folder).relative_to(source) if like else None
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in names:
            if name.startswith("."):
                continue  # A draft of `write_whole`.
            with suppress(FileNotFoundError):  # Deleted a moment ago.
                copied += _copy(Path(folder, name), place / name, older and older / name)
    return copied


def _copy(source: Path, target: Path, older: Path | None) -> bool:
    size = source.stat().st_size
    if _has_size(target, size):
        return False
    draft = target.with_name(f".{target.name}.part")
    draft.unlink(missing_ok=True)
    if older and _has_size(older, size):
        os.link(older, draft)
    else:
        shutil.copyfile(source, draft)
        shutil.copymode(source, draft)
    draft.replace(target)
    return True


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except FileNotFoundError:
        return False
