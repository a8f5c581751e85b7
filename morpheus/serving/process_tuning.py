"""Process-wide settings of a server process: a core of its own, and memory that is given back."""

from __future__ import annotations

import ctypes
import fcntl
import os
import stat
import sys
import tempfile
from pathlib import Path

_M_MMAP_THRESHOLD = -3
# Request bodies and pictures are larger; the other data of a request is smaller.
_LARGE_BYTES = 1024 * 1024

# The cores of this process before it was pinned.
_unpinned: set[int] = set()


def return_large_blocks() -> None:
    """Have glibc return large blocks of memory as soon as they are freed.

    By default glibc raises that size with each block, up to 32 MB, and keeps smaller ones in a heap
    of each thread.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)


def list_unpinned_cores() -> list[int]:
    """Return the cores for child processes: those of this process before it was pinned."""
    return sorted(_unpinned)


def pin(folder: Path | None = None) -> int | None:
    """Pin this process, with all its present and future threads, to a core of its own.

    Python runs one thread of a process at a time. If the threads are on several cores, each switch
    wakes up another core, which costs more than a small request (docs/performance.md).

    Servers of the same user take different cores; if none is left, a process is not pinned. The
    last core stays free for PostgreSQL and clients on the same machine.

    Args:
        folder: Folder of the lock files that claim cores; one for all servers of this user.

    Returns:
        The core; None if there is only one, if all are taken, or if the system cannot pin.
    """
    if not hasattr(os, "sched_setaffinity"):
        return None
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        return None
    core = _claim(cores, folder or Path(tempfile.gettempdir()) / f"morpheus-cores-{os.geteuid()}")
    if core is not None:
        _unpinned.update(cores)
        for thread in os.listdir("/proc/self/task"):
            os.sched_setaffinity(int(thread), {core})
    return core


def _claim(cores: list[int], folder: Path) -> int | None:
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        owner = folder.lstat()
        # The name can be guessed: another user may have made the folder, or a link in its place.
        if not stat.S_ISDIR(owner.st_mode) or owner.st_uid != os.geteuid():
            return None
        for core in cores[:-1]:
            lock = os.open(folder / str(core), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, mode=0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
            else:
                # It stays open: the system releases the lock when this process ends, in any way.
                return core
    except OSError:
        # A file of that name, or a full disk: the server runs without being pinned.
        pass
    return None
