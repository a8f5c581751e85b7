"""A bulkhead bounds the threads that one kind of work may hold, so that others stay free."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class Busy(Exception):
    """The bulkhead has no free place; the work may be tried again shortly."""


class Bulkhead:
    """The places for one kind of work in this process; each is held by one thread.

    Args:
        places: How many threads may work at once.
        places_of_client: How many of them may work for one client; None means all.
        most_waiting: How many threads may wait for a place; the next one is refused at once.
        patience_s: How long a thread waits.

    Attributes:
        occupied: Threads that work or wait.
    """

    def __init__(
        self,
        places: int,
        *,
        places_of_client: int | None = None,
        most_waiting: int = 0,
        patience_s: float = 0.0,
    ) -> None:
        self.occupied = 0
        self._places = places
        self._most_occupied = places + most_waiting
        self._places_of_client = places_of_client or self._most_occupied
        self._patience_s = patience_s
        self._held: Counter[str] = Counter()
        self._changed = threading.Condition()

    def enter(self, client: str = "") -> None:
        """Take a place; `leave` must follow.

        Raises:
            Busy: Too many wait already, the client has its part, or no place came free in time.
        """
        with self._changed:
            is_full = self.occupied >= self._most_occupied
            if is_full or self._held[client] >= self._places_of_client:
                raise Busy("Too many hold a place or wait for one.")
            self.occupied += 1
            try:
                if not self._changed.wait_for(self._has_place, self._patience_s):
                    raise Busy("All places are taken.")
            except BaseException:
                self.occupied -= 1
                raise
            self._held[client] += 1

    def leave(self, client: str = "") -> None:
        """Give a place back."""
        with self._changed:
            self.occupied -= 1
            self._held[client] -= 1
            self._held += Counter()  # Drops clients that hold nothing.
            self._changed.notify()

    @contextmanager
    def hold(self, client: str = "") -> Iterator[None]:
        """Hold a place for the block; raises Busy as `enter` does."""
        self.enter(client)
        try:
            yield
        finally:
            self.leave(client)

    def _has_place(self) -> bool:
        return self._held.total() < self._places
