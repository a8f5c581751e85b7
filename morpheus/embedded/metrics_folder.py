"""The folder in which the processes of one run share their metrics: in memory, for one run.

The files are sparse and memory-mapped. On a full disk, a write to one would kill its process
(SIGBUS).
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - files there are private
# A server process needs 0.2 to 4 MB (docs/monitoring.md); containers have 64 MB by default.
NEEDED_BYTES = 16 * 1024 * 1024


def make_metrics_folder() -> Path:
    """Make a folder that other users can neither guess nor read; the guard removes it."""
    return Path(tempfile.mkdtemp(prefix="morpheus-metrics-", dir=_find_memory_folder()))


def _find_memory_folder() -> Path:
    """Return the folder of shared memory, or the temporary folder if that is full."""
    try:
        status = os.statvfs(SHARED_MEMORY)
    except OSError:
        return Path(tempfile.gettempdir())
    has_room = status.f_bavail * status.f_frsize >= NEEDED_BYTES
    is_writable = os.access(SHARED_MEMORY, os.W_OK | os.X_OK)
    return SHARED_MEMORY if has_room and is_writable else Path(tempfile.gettempdir())
