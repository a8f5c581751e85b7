"""Single-flight: of threads that want the same at the same time, one gets it for all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Result = TypeVar("Result")

# Who waited so long does it alone.
_PATIENCE_S = 10.0


class _Flight(Generic[Result]):
    def __init__(self) -> None:
        self.landed = threading.Event()
        self.result: Result | None = None


class Flights(Generic[Result]):
    """Work in progress in this process, by key.

    The key must hold the versions of all tags that the work depends on, read before joining: a
    flight that took off before a write that the joiner may know of then has another key. Or the
    joiner uses nothing of the result, and looks up what was kept.
    """

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight[Result]] = {}
        self._lock = threading.Lock()

    def share(
        self, key: Hashable, work: Callable[[], Result], *, before_waiting: Callable[[], None]
    ) -> tuple[Result, bool]:
        """Return what `work` returns, and whether another thread did it.

        If that thread fails, this one does the work itself.

        Args:
            before_waiting: Gives back what the thread that works may need.
        """
        with self._lock:
            flight = self._flights.get(key)
            is_leader = flight is None
            if flight is None:
                flight = self._flights[key] = _Flight()
        if not is_leader:
            before_waiting()
            flight.landed.wait(_PATIENCE_S)
            return (work(), False) if flight.result is None else (flight.result, True)
        try:
            flight.result = work()
            return flight.result, False
        finally:
            with self._lock:
                del self._flights[key]
            flight.landed.set()
