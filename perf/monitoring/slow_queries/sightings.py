"""Slow statements that were seen, gathered in the process until a thread writes them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from perf.monitoring.slow_queries.metrics import dropped
from perf.monitoring.sql_text import NormalizedStatement

logger = logging.getLogger(__name__)

# How long what is seen is gathered: a statement that comes a thousand times a second is few writes.
GATHERED_S = 0.5
# Statements and routes that wait at most; more are counted and forgotten.
MAX_WAITING = 200
# How long a process that ends waits until what it saw is written.
PATIENCE_S = 3.0


@dataclass(slots=True)
class Sighting:
    """A slow statement of a route, seen `count` times in a short while.

    Attributes:
        sql: As it was given to the cursor, without parameters; for its plan alone, because there
            may be values in it.
        request_id: Of the last time; empty outside of requests.
        worst_ms, last_ms: What it took at most, and the last time.
    """

    shape: NormalizedStatement
    route: str
    sql: str
    request_id: str
    worst_ms: float
    last_ms: float
    count: int = 1

    def add(self, ms: float, request_id: str) -> None:
        """Note that it was seen again."""
        self.count += 1
        self.last_ms = ms
        self.worst_ms = max(self.worst_ms, ms)
        self.request_id = request_id


class Gathering:
    """Gathers sightings; a thread hands them on, and no caller waits for it."""

    def __init__(self, hand_on: Callable[[list[Sighting]], None]) -> None:
        self._hand_on = hand_on
        self._waiting: dict[tuple[str, str], Sighting] = {}
        self._lock = threading.Lock()
        self._something = threading.Event()
        self._ending = threading.Event()
        self._nothing = threading.Event()
        self._nothing.set()
        threading.Thread(target=self._go_on, name="slow-queries", daemon=True).start()

    def add(
        self, shape: NormalizedStatement, route: str, sql: str, request_id: str, ms: float
    ) -> None:
        """Note a slow statement."""
        key = shape.fingerprint, route
        with self._lock:
            if known := self._waiting.get(key):
                known.add(ms, request_id)
            elif len(self._waiting) < MAX_WAITING:
                self._waiting[key] = Sighting(shape, route, sql, request_id, ms, ms)
            else:
                dropped.inc()
            self._nothing.clear()
        self._something.set()

    def finish(self, timeout_s: float = PATIENCE_S) -> bool:
        """Hand on what waits without gathering any longer; tell whether it was done in time."""
        self._ending.set()
        try:
            return self._nothing.wait(timeout_s)
        finally:
            self._ending.clear()

    def _go_on(self) -> None:
        while True:
            self._something.wait()
            self._ending.wait(GATHERED_S)
            self._something.clear()
            with self._lock:
                taken, self._waiting = list(self._waiting.values()), {}
            try:
                if taken:
                    self._hand_on(taken)
            except Exception:
                logger.exception("Slow statements could not be recorded.")
            with self._lock:
                if not self._waiting:
                    self._nothing.set()
