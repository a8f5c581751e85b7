"""Free space where files are stored, and the floor below which uploads are refused."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from django.conf import settings
from prometheus_client import Gauge
from psycopg.errors import DiskFull

from morpheus.storage.files import find_folder

_free = Gauge(
    "morpheus_disk_free_bytes",
    "Free space of the file system of a folder: uploads, images, temporary (files being received).",
    ["folder"],
    multiprocess_mode="livemin",
)
_floor = Gauge(
    "morpheus_disk_floor_bytes",
    "Free space below which uploads are refused (MORPHEUS_FREE_SPACE_MB).",
    multiprocess_mode="livemax",
)


def has_free_space() -> bool:
    """Tell whether each file system has more free space than the floor."""
    floor: int = settings.MORPHEUS_FREE_SPACE_BYTES
    return all(read_free_bytes(folder) >= floor for folder in _folders().values())


def read_free_bytes(folder: Path) -> int:
    """Return the space that this user may fill where `folder` is, or will be created."""
    while not folder.exists():
        folder = folder.parent
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def is_disk_full(error: BaseException | None) -> bool:
    """Tell whether a disk or a quota is full, here or PostgreSQL's (behind Django's error)."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return isinstance(error, DiskFull) or isinstance(getattr(error, "__cause__", None), DiskFull)


def update_disk_metrics() -> None:
    """Set the gauges of free space."""
    _floor.set(settings.MORPHEUS_FREE_SPACE_BYTES)
    for name, folder in _folders().items():
        _free.labels(name).set(read_free_bytes(folder))


def _folders() -> dict[str, Path]:
    folders = {
        "uploads": find_folder("uploads"),
        "images": find_folder("images"),
        "temporary": Path(settings.FILE_UPLOAD_TEMP_DIR or tempfile.gettempdir()),
    }
    return {name: folder for name, folder in folders.items() if folder is not None}
