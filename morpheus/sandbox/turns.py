"""How many children a process has at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Busy(Exception):
    """No turn came within the time to wait for one."""


class Turns:
    """A number of turns; a caller that gets none in time is refused instead of waiting on.

    Args:
        count: Callers that hold a turn at once.
        most_waiting: Callers that wait for one; each holds a thread. The next is refused at once.
        patience_s: Seconds that a caller waits.
    """

    def __init__(self, count: int, *, most_waiting: int, patience_s: float) -> None:
        self._free = threading.BoundedSemaphore(count)
        self._places = threading.BoundedSemaphore(count + most_waiting)
        self._patience_s = patience_s

    @contextmanager
    def take(self) -> Iterator[None]:
        """Hold a turn for the block.

        Raises:
            Busy: Too many wait already, or none came in time.
        """
        if not self._places.acquire(blocking=False):
            raise Busy("Too many wait for a turn.")
        try:
            if not self._free.acquire(timeout=self._patience_s):
                raise Busy("All turns are taken.")
            try:
                yield
            finally:
                self._free.release()
        finally:
            self._places.release()
