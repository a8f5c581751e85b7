"""Free space where files are received and kept, and the floor below which none is received."""

from __future__ import annotations

import errno
import os
import tempfile
import time
from pathlib import Path

from django.conf import settings
from django.core.files.storage import storages
from prometheus_client import Gauge
from psycopg.errors import DiskFull

# Seconds for which a look at the file systems counts.
FRESH_S = 1.0

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
# When the least free space was looked at, and what it was.
_seen: tuple[float, int] | None = None


def has_free_space() -> bool:
    """Tell whether each file system has the free space that is the floor, about a second ago."""
    global _seen
    now = time.monotonic()
    if _seen is None or now - _seen[0] >= FRESH_S:
        _seen = (now, min(read_free_bytes(folder) for folder in _folders().values()))
    floor: int = settings.MORPHEUS_FREE_SPACE_BYTES
    return _seen[1] >= floor


def read_free_bytes(folder: Path) -> int:
    """Return the space that is left to this user where `folder` is, or will be made."""
    while not folder.exists():
        folder = folder.parent
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def is_disk_full(error: BaseException | None) -> bool:
    """Tell whether a disk or a quota is full: ours, or PostgreSQL's (behind Django's error)."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return isinstance(error, DiskFull) or isinstance(getattr(error, "__cause__", None), DiskFull)


def update_disk_metrics() -> None:
    """Set the gauges."""
    _floor.set(settings.MORPHEUS_FREE_SPACE_BYTES)
    for name, folder in _folders().items():
        _free.labels(name).set(read_free_bytes(folder))


def _folders() -> dict[str, Path]:
    return {
        "uploads": Path(storages["uploads"].path("")),
        "images": Path(storages["images"].path("")),
        "temporary": Path(settings.FILE_UPLOAD_TEMP_DIR or tempfile.gettempdir()),
    }
