"""How this process's memory goes back to the system."""

from __future__ import annotations

import ctypes
import sys

_M_MMAP_THRESHOLD = -3
# Bodies, pictures and what they are pickled to are larger; what a request makes is smaller.
_LARGE_BYTES = 1024 * 1024


def return_large_blocks() -> None:
    """Have large blocks of memory returned as soon as they are freed, with glibc.

    By default it raises the size from which it does so with each block, up to 32 MB, and keeps
    those below in a heap for each thread.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
