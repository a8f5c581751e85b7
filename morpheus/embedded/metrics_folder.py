"""The folder in which the processes of one run share their metrics: in memory, for one run.

The files are sparse and memory-mapped. On a full disk, a write to one would kill its process
(SIGBUS).
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - files there are private
# A server process needs 0.2 to 4 MB (docs/monitoring.md); containers have 64 MB by default.
NEEDED_BYTES = 16 * 1024 * 1024
PREFIX = f"morpheus-metrics-{os.geteuid()}-"


@contextmanager
def metrics_folder() -> Iterator[tuple[Path, int]]:
    """Make a private folder and remove it afterwards; yield its path and its locked descriptor.

    A process that may outlive this one and still writes there inherits the descriptor. A later run
    removes the folder when no process has it open.
    """
    root = memory_folder()
    _sweep(root)
    folder, lock = _make_locked(root)
    try:
        yield folder, lock
    finally:
        os.close(lock)
        shutil.rmtree(folder, ignore_errors=True)


def memory_folder() -> Path:
    """Return the folder of shared memory, or the temporary folder if that is full."""
    try:
        status = os.statvfs(SHARED_MEMORY)
    except OSError:
        return Path(tempfile.gettempdir())
    has_room = status.f_bavail * status.f_frsize >= NEEDED_BYTES
    is_writable = os.access(SHARED_MEMORY, os.W_OK | os.X_OK)
    return SHARED_MEMORY if has_room and is_writable else Path(tempfile.gettempdir())


def _make_locked(root: Path) -> tuple[Path, int]:
    while True:
        # With a random name and mode 0700: other users can neither guess nor read it.
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=root))
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():
            return folder, lock
        os.close(lock)  # Another run removed it before it was locked.


def _sweep(root: Path) -> None:
    """Remove the folders of killed runs of this user."""
    for folder in root.glob(f"{PREFIX}*"):
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            if os.fstat(lock).st_uid == os.geteuid():
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            pass  # Its run is alive.
        finally:
            os.close(lock)
