"""Single-flight: of threads that need the same value, one computes it for all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Result = TypeVar("Result")

# A thread that waited this long does the work itself.
_WAIT_S = 10.0


class _Flight(Generic[Result]):
    def __init__(self) -> None:
        self.landed = threading.Event()
        self.result: Result | None = None


class SingleFlight(Generic[Result]):
    """Work in progress in this process, by key.

    The key must hold the versions of all tags that the work depends on, read before joining. So a
    flight that started before a write, of which the joiner may know, has another key. A caller that
    discards the result and fetches the filled value instead needs no versions.
    """

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight[Result]] = {}
        self._lock = threading.Lock()

    def run(
        self,
        key: Hashable,
        work: Callable[[], Result],
        *,
        before_waiting: Callable[[], None] | None = None,
    ) -> tuple[Result, bool]:
        """Return the result of `work`, and whether another thread did it.

        If the other thread fails, this thread does the work itself.

        Args:
            before_waiting: Releases resources that the working thread may need.
        """
        with self._lock:
            flight = self._flights.get(key)
            is_leader = flight is None
            if flight is None:
                flight = self._flights[key] = _Flight()
        if not is_leader:
            if before_waiting:
                before_waiting()
            flight.landed.wait(_WAIT_S)
            return (work(), False) if flight.result is None else (flight.result, True)
        try:
            flight.result = work()
            return flight.result, False
        finally:
            with self._lock:
                del self._flights[key]
            flight.landed.set()
