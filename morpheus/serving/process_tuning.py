"""Process-wide settings of a server process: a core of its own, and memory that is given back."""

from __future__ import annotations

import ctypes
import os
import socket
import sys

_M_MMAP_THRESHOLD = -3
# Request bodies and pictures are larger; the other data of a request is smaller.
_LARGE_BYTES = 1024 * 1024

# The cores of this process before it was pinned.
_unpinned: set[int] = set()
# Open for as long as this process runs.
_claims: list[socket.socket] = []


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


def pin(name: str = "morpheus-core") -> int | None:
    """Pin this process, with all its present and future threads, to a core of its own.

    Python runs one thread of a process at a time. If the threads are on several cores, each switch
    wakes up another core, which costs more than a small request (docs/performance.md).

    Servers of the same user take different cores; if none is left, a process is not pinned. The
    last core stays free for PostgreSQL and clients on the same machine.

    Args:
        name: First part of the names that claim cores; one for all servers.

    Returns:
        The core; None if there is only one, if all are taken, or if the system cannot pin.
    """
    if not hasattr(os, "sched_setaffinity"):
        return None
    cores = sorted(os.sched_getaffinity(0))
    for core in cores[:-1]:
        if _claim(f"{name}-{os.geteuid()}-{core}"):
            _unpinned.update(cores)
            for thread in os.listdir("/proc/self/task"):
                os.sched_setaffinity(int(thread), {core})
            return core
    return None


def _claim(name: str) -> bool:
    """Claim a name for this process; tell whether no other process has it."""
    claim = socket.socket(socket.AF_UNIX)
    try:
        # In Linux' abstract namespace. The system releases a name when its process ends, in any
        # way, and there is no file to protect.
        claim.bind(f"\0{name}")
    except OSError:
        claim.close()
        return False
    _claims.append(claim)
    return True
