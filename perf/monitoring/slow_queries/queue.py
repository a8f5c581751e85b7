"""Collects slow statements in the process until a thread records them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import Counter

from perf.monitoring.sql_text import NormalizedStatement

logger = logging.getLogger(__name__)

# Statements are grouped for this long: a thousand a second become two writes.
BATCH_S = 0.5
# Further statements and routes are counted as dropped.
MAX_WAITING = 200
# A process that ends waits this long for its last batch.
FINISH_TIMEOUT_S = 3.0

dropped = Counter(
    "morpheus_db_slow_queries_dropped_total",
    "Slow statements without a row: too many at once, or the database was unavailable.",
)


@dataclass(slots=True)
class SlowStatement:
    """A slow statement on a route, with all its executions of one batch.

    Attributes:
        sql: The text given to the cursor. It may contain values, so it only serves to get the plan.
        request_id: Of the last execution; empty outside of requests.
        worst_ms, last_ms: Of the slowest and of the last execution.
    """

    normalized: NormalizedStatement
    route: str
    sql: str
    request_id: str
    worst_ms: float
    last_ms: float
    count: int = 1

    def add(self, ms: float, request_id: str) -> None:
        """Count one more execution."""
        self.count += 1
        self.last_ms = ms
        self.worst_ms = max(self.worst_ms, ms)
        self.request_id = request_id


class SlowStatementQueue:
    """Groups slow statements; its thread passes them to `record`, so no caller waits."""

    def __init__(self, record: Callable[[list[SlowStatement]], None]) -> None:
        self._record = record
        self._waiting: dict[tuple[str, str], SlowStatement] = {}
        self._lock = threading.Lock()
        self._has_work = threading.Event()
        self._is_finishing = threading.Event()
        self._is_empty = threading.Event()
        self._is_empty.set()
        threading.Thread(target=self._run, name="slow-queries", daemon=True).start()

    def add(
        self, normalized: NormalizedStatement, route: str, sql: str, request_id: str, ms: float
    ) -> None:
        """Add an execution."""
        key = normalized.fingerprint, route
        with self._lock:
            if known := self._waiting.get(key):
                known.add(ms, request_id)
            elif len(self._waiting) < MAX_WAITING:
                self._waiting[key] = SlowStatement(normalized, route, sql, request_id, ms, ms)
            else:
                dropped.inc()
            self._is_empty.clear()
        self._has_work.set()

    def finish(self, timeout_s: float = FINISH_TIMEOUT_S) -> bool:
        """Record what waits without delay; return whether it was done in time."""
        self._is_finishing.set()
        try:
            return self._is_empty.wait(timeout_s)
        finally:
            self._is_finishing.clear()

    def _run(self) -> None:
        while True:
            self._has_work.wait()
            self._is_finishing.wait(BATCH_S)
            self._has_work.clear()
            with self._lock:
                batch, self._waiting = list(self._waiting.values()), {}
            try:
                if batch:
                    self._record(batch)
            except Exception:
                logger.exception("Slow statements could not be recorded.")
            with self._lock:
                if not self._waiting:
                    self._is_empty.set()
