"""Statements of the serving role in this database, from pg_stat_statements.

The role cannot see the statements of other roles (docs/security.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from perf.monitoring.explain import explain_generic
from perf.monitoring.sql_text import has_plan
from perf.monitoring.statistics.limited_queries import (
    StatisticsUnavailable,
    fetch_rows,
    limited_cursor,
)

# The possible orders by attribute, all descending.
ORDERS = {
    "total_ms": "total_ms",
    "mean_ms": "mean_exec_time",
    "max_ms": "max_exec_time",
    "calls": "calls",
    "rows": "rows",
    "buffers": "buffers",
}

_COLUMNS = """
    queryid,
    query,
    calls,
    total_exec_time + total_plan_time AS total_ms,
    (total_exec_time + total_plan_time) / nullif(sum(total_exec_time + total_plan_time) OVER (), 0),
    mean_exec_time,
    max_exec_time,
    stddev_exec_time,
    rows,
    shared_blks_hit + shared_blks_read AS buffers,
    shared_blks_read
FROM pg_stat_statements
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND userid = (SELECT oid FROM pg_roles WHERE rolname = current_user)
"""
_ONE = (
    f"SELECT * FROM (SELECT {_COLUMNS}) statements WHERE queryid = %s ORDER BY calls DESC LIMIT 1"  # noqa: S608
)
_SLOWEST = f"""
SELECT {_COLUMNS} AND calls >= %s
ORDER BY mean_exec_time DESC
LIMIT 1
"""  # noqa: S608
_TOTALS = """
SELECT
    count(*),
    coalesce(sum(calls), 0)::bigint,
    coalesce(sum(total_exec_time + total_plan_time), 0),
    (SELECT stats_reset FROM pg_stat_statements_info),
    (SELECT dealloc FROM pg_stat_statements_info),
    current_setting('pg_stat_statements.track_planning') = 'on'
FROM pg_stat_statements(false)
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND userid = (SELECT oid FROM pg_roles WHERE rolname = current_user)
"""


@dataclass(frozen=True, slots=True)
class StatementStats:
    """A normalized statement and its cost since the statistics were reset.

    Attributes:
        total_ms: Execution and, if tracked, planning of all calls.
        share: Share of the time of all statements, 0 to 1; None without any.
        buffers: Shared buffers hit or read by all calls.
        buffers_read: Buffers that were not in PostgreSQL's shared buffers.
    """

    query_id: int
    text: str
    calls: int
    total_ms: float
    share: float | None
    mean_ms: float
    max_ms: float
    deviation_ms: float
    rows: int
    buffers: int
    buffers_read: int

    def per_call(self, value: float) -> str:
        """Return a sum as the average of a call, as text."""
        ratio = value / self.calls if self.calls else 0
        return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.1f}"


@dataclass(frozen=True, slots=True)
class StatementTotals:
    """All statements together.

    Attributes:
        since: Time of the last reset.
        evictions: Number of times that rare statements were evicted (pg_stat_statements.max).
        includes_planning: Whether the time includes planning.
    """

    statements: int
    calls: int
    total_ms: float
    since: datetime
    evictions: int
    includes_planning: bool


def statements(order: str = "total_ms", *, limit: int = 100) -> list[StatementStats]:
    """Return the first statements in `order`, one of ORDERS.

    Raises:
        ValueError: The order does not exist.
        StatisticsUnavailable: The extension is not loaded.
    """
    if order not in ORDERS:
        raise ValueError(f"There is no order {order!r}.")
    sql = f"SELECT {_COLUMNS} ORDER BY {ORDERS[order]} DESC, queryid LIMIT %s"  # noqa: S608
    return [StatementStats(*row) for row in fetch_rows(sql, [limit])]


def statement(query_id: int) -> StatementStats | None:
    """Return one statement, or None if it is unknown. Raises StatisticsUnavailable."""
    rows = fetch_rows(_ONE, [query_id])
    return StatementStats(*rows[0]) if rows else None


def slowest_statement(*, at_least_calls: int) -> StatementStats | None:
    """Return the statement with the greatest mean time, among statements with this many calls.

    Raises StatisticsUnavailable.
    """
    rows = fetch_rows(_SLOWEST, [at_least_calls])
    return StatementStats(*rows[0]) if rows else None


def totals() -> StatementTotals:
    """Return the sums of all statements. Raises StatisticsUnavailable."""
    ((count, calls, ms, since, evictions, planning),) = fetch_rows(_TOTALS)
    return StatementTotals(count, calls, float(ms), since, evictions, planning)


def generic_plan(statement: StatementStats) -> str:
    """Return the plan for any values as text; executes nothing.

    Raises:
        StatisticsUnavailable: The statement has no plan.
    """
    if not has_plan(statement.text):
        raise StatisticsUnavailable("PostgreSQL has no plan for statements of this kind.")
    with limited_cursor(), connection.wrap_database_errors:
        return explain_generic(connection.connection, statement.text).as_text()
