"""What pg_stat_statements knows of the serving role's statements in this database.

Only of these: other roles' statements are not shown to it, and need not be (docs/security.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from perf.monitoring.explain import explain_generic
from perf.monitoring.sql_text import has_plan
from perf.monitoring.statistics.reading import StatsUnavailable, limited, rows

# The orders that may be asked for. All descend.
ORDERS = {
    "total": "total_ms",
    "mean": "mean_exec_time",
    "max": "max_exec_time",
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
    shared_blks_read,
    temp_blks_written
FROM pg_stat_statements
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND userid = (SELECT oid FROM pg_roles WHERE rolname = current_user)
"""
_ONE = f"SELECT * FROM (SELECT {_COLUMNS}) found WHERE queryid = %s ORDER BY calls DESC LIMIT 1"  # noqa: S608
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
    """A statement and what it cost since the statistics began; its values are left out.

    Attributes:
        share: Of the time of all statements, 0 to 1; None while that is nothing.
        total_ms: Planning (where it is tracked) and execution of all calls.
        buffers: Pages looked at, of all calls.
        buffers_read: Those of them that were not in PostgreSQL's memory.
        temporary: Pages written because work_mem did not suffice.
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
    temporary: int


@dataclass(frozen=True, slots=True)
class StatementTotals:
    """All statements together.

    Attributes:
        since: When the statistics began.
        forgotten: How often rare statements were dropped for lack of room
            (pg_stat_statements.max).
        includes_planning: Whether planning is in the milliseconds.
    """

    statements: int
    calls: int
    total_ms: float
    since: datetime
    forgotten: int
    includes_planning: bool


def statements(order: str = "total", *, limit: int = 100) -> list[StatementStats]:
    """Return the statements that lead in `order`, one of ORDERS. One statement.

    Raises:
        ValueError: There is no such order.
        StatsUnavailable: The extension is not loaded; the message says how.
    """
    if order not in ORDERS:
        raise ValueError(f"There is no order {order!r}.")
    sql = f"SELECT {_COLUMNS} ORDER BY {ORDERS[order]} DESC, queryid LIMIT %s"  # noqa: S608
    return [StatementStats(*row) for row in rows(sql, [limit])]


def statement(query_id: int) -> StatementStats | None:
    """Return one statement, None where it is not known (any more). Raises StatsUnavailable."""
    found = rows(_ONE, [query_id])
    return StatementStats(*found[0]) if found else None


def slowest_statement(*, at_least_calls: int) -> StatementStats | None:
    """Return the statement with the greatest mean, of those that were called so often.

    Raises StatsUnavailable.
    """
    found = rows(_SLOWEST, [at_least_calls])
    return StatementStats(*found[0]) if found else None


def totals() -> StatementTotals:
    """Return the sums of all statements, without reading their texts. Raises StatsUnavailable."""
    ((count, calls, ms, since, forgotten, planning),) = rows(_TOTALS)
    return StatementTotals(count, calls, float(ms), since, forgotten, planning)


def generic_plan(one: StatementStats) -> str:
    """Return the plan that PostgreSQL would make for any values; executes nothing.

    Raises:
        StatsUnavailable: The statement has no plan.
    """
    if not has_plan(one.text):
        raise StatsUnavailable("PostgreSQL makes no plan for such a statement.")
    with limited(), connection.wrap_database_errors:
        return explain_generic(connection.connection, one.text).as_text()
