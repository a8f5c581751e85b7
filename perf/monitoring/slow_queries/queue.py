"""Collects slow statements in the process until a thread records them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import Counter

from morpheus.tracing.background import BackgroundQueue
from perf.monitoring.sql_text import NormalizedStatement

# Statements are grouped for this long: a thousand a second become two writes.
BATCH_S = 0.5
# Further statements and routes of a batch are counted as dropped.
MAX_WAITING = 200
# Executions of one batch.
MAX_EXECUTIONS = 10_000

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
        self._executions = BackgroundQueue(
            "slow-queries",
            self._record_groups,
            dropped.inc,
            max_waiting=MAX_EXECUTIONS,
            interval_s=BATCH_S,
        )
        self._executions.start()

    def add(
        self, normalized: NormalizedStatement, route: str, sql: str, request_id: str, ms: float
    ) -> None:
        """Add an execution."""
        self._executions.add(SlowStatement(normalized, route, sql, request_id, ms, ms))

    def finish(self, timeout_s: float) -> bool:
        """Record what waits without delay; return whether it was done in time."""
        return self._executions.flush(timeout_s)

    def _record_groups(self, executions: list[SlowStatement]) -> None:
        groups: dict[tuple[str, str], SlowStatement] = {}
        for execution in executions:
            key = execution.normalized.fingerprint, execution.route
            if group := groups.get(key):
                group.add(execution.last_ms, execution.request_id)
            elif len(groups) < MAX_WAITING:
                groups[key] = execution
            else:
                dropped.inc()
        self._record([*groups.values()])
