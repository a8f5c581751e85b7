"""A core of its own for each server process.

Python runs one thread of a process at a time. When the threads of a process are spread over cores,
each hand-over wakes up another core, which costs more than a small request itself; on one core it
costs next to nothing (docs/performance.md has the figures).
"""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from pathlib import Path

# What this process could run on before it was pinned.
_unpinned: set[int] = set()


def cores_of_helpers() -> list[int]:
    """Return the cores for processes that this one starts: those it had before it was pinned."""
    return sorted(_unpinned)


def pin(folder: Path | None = None) -> int | None:
    """Keep this process, all its threads and those to come, on a core that no other server has.

    Servers of the same user take different cores, and one that finds none left is not kept on any.
    The last core is left to everything else: where PostgreSQL and clients are on the same machine,
    processes that can go nowhere else would keep them off each.

    Args:
        folder: Of the locks by which cores are claimed; one for all servers of this user.

    Returns:
        The core; None where there is only one, where all are taken, and where the system cannot.
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
        # The name can be guessed: somebody else may have put a folder, or a link to one, there.
        if not stat.S_ISDIR(owner.st_mode) or owner.st_uid != os.geteuid():
            return None
        for core in cores[:-1]:
            lock = os.open(folder / str(core), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, mode=0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
            else:
                # It stays open as long as we live: the system gives the lock back when we end,
                # however we end.
                return core
    except OSError:
        # A file of that name, or a full disk: a server runs as well where it is not pinned.
        pass
    return None
