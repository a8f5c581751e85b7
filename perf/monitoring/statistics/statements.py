"""Statements of the serving role in this database, from pg_stat_statements.

The role cannot see the statements of other roles (docs/security.md).
"""

from __future__ import annotations

from typing import Any

from django.db import connection

from perf.monitoring.explain import explain_generic
from perf.monitoring.sql_text import has_plan
from perf.monitoring.statistics.limited_queries import (
    StatisticsUnavailable,
    fetch_rows,
    limited_cursor,
    select_row,
)

# The possible orders, all descending.
ORDERS = ("total_ms", "mean_ms", "max_ms", "calls", "rows", "buffers")

_COLUMNS = """
    -- As text, as in the URL of its page.
    queryid::text AS query_id,
    query AS text,
    calls,
    -- Execution and, if tracked, planning of all calls.
    total_exec_time + total_plan_time AS total_ms,
    -- The share of the time of all statements, 0 to 1; NULL without any.
    (total_exec_time + total_plan_time)
        / nullif(sum(total_exec_time + total_plan_time) OVER (), 0) AS share,
    mean_exec_time AS mean_ms,
    max_exec_time AS max_ms,
    stddev_exec_time AS deviation_ms,
    rows,
    -- Shared buffers hit or read by all calls.
    shared_blks_hit + shared_blks_read AS buffers,
    shared_blks_read AS buffers_read
FROM pg_stat_statements
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND userid = (SELECT oid FROM pg_roles WHERE rolname = current_user)
"""

# The statement with an id.
statement = select_row(
    f"SELECT * FROM (SELECT {_COLUMNS}) statements WHERE query_id = %s ORDER BY calls DESC LIMIT 1"  # noqa: S608
)

# The statement with the greatest mean time among statements with at least `%s` calls.
slowest_statement = select_row(f"""
SELECT {_COLUMNS} AND calls >= %s
ORDER BY mean_ms DESC
LIMIT 1
""")  # noqa: S608

# The sums of all statements.
totals = select_row("""
SELECT
    count(*) AS statements,
    coalesce(sum(calls), 0)::bigint AS calls,
    coalesce(sum(total_exec_time + total_plan_time), 0) AS total_ms,
    coalesce(sum(shared_blks_hit + shared_blks_read), 0)::bigint AS buffers,
    -- The share of the page reads that shared buffers served; NULL without any.
    (sum(shared_blks_hit) / nullif(sum(shared_blks_hit + shared_blks_read), 0))::float8
        AS hit_ratio,
    -- Time of the last reset.
    (SELECT stats_reset FROM pg_stat_statements_info) AS since,
    -- Number of times that rare statements were evicted (pg_stat_statements.max).
    (SELECT dealloc FROM pg_stat_statements_info) AS evictions,
    current_setting('pg_stat_statements.track_planning') = 'on' AS includes_planning
FROM pg_stat_statements(false)
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND userid = (SELECT oid FROM pg_roles WHERE rolname = current_user)
""")


def statements(order: str = "total_ms", *, limit: int = 100) -> list[Any]:
    """Return the first statements in `order`, one of ORDERS.

    Raises:
        ValueError: The order does not exist.
        StatisticsUnavailable: The extension is not loaded.
    """
    if order not in ORDERS:
        raise ValueError(f"There is no order {order!r}.")
    sql = f"SELECT {_COLUMNS} ORDER BY {order} DESC, queryid LIMIT %s"  # noqa: S608
    return fetch_rows(sql, [limit])


def generic_plan(sql: str) -> str:
    """Return the plan of a normalized statement for any values, as text; executes nothing.

    Raises:
        StatisticsUnavailable: The statement has no plan.
    """
    if not has_plan(sql):
        raise StatisticsUnavailable("PostgreSQL has no plan for statements of this kind.")
    with limited_cursor(), connection.wrap_database_errors:
        return explain_generic(connection.connection, sql).as_text()
