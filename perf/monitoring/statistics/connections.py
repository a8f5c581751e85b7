"""Sessions of this database by role and state, without their statements."""

from __future__ import annotations

from typing import Any

from perf.monitoring.statistics.limited_queries import fetch_row, fetch_rows

_SESSIONS = """
SELECT
    coalesce(role, '-') AS role,
    -- 'active', 'idle', 'idle in transaction' and so on; NULL without the right to see it.
    state,
    coalesce(state, 'hidden') AS shown_state,
    count(*) AS count,
    -- Sessions that wait for a lock.
    count(*) FILTER (WHERE is_waiting_for_lock) AS waiting,
    -- Age of the oldest transaction; NULL without any.
    max(transaction_s) AS transaction_s,
    -- Longest time of a session in this state.
    max(state_s) AS state_s
FROM morpheus_sessions() sessions
GROUP BY sessions.role, state
ORDER BY sessions.role, count(*) DESC
"""
_LIMITS = """
SELECT maximum, reserved, maximum - reserved AS usable, used
FROM (
    SELECT
        current_setting('max_connections')::int AS maximum,
        -- Connections reserved for administrators.
        current_setting('superuser_reserved_connections')::int
            + coalesce(current_setting('reserved_connections', true)::int, 0) AS reserved,
        (SELECT count(*) FROM pg_stat_activity WHERE datid IS NOT NULL) AS used
) limits
"""


def sessions() -> list[Any]:
    """Return the other sessions by role and state. Raises StatisticsUnavailable."""
    return fetch_rows(_SESSIONS)


def connection_limits() -> Any:
    """Return the limit of connections and their number. Raises StatisticsUnavailable."""
    return fetch_row(_LIMITS)
