"""Sessions of this database by role and state, without their statements."""

from __future__ import annotations

from dataclasses import dataclass

from perf.monitoring.statistics.limited_queries import fetch_rows

_SESSIONS = """
SELECT
    role,
    state,
    count(*),
    count(*) FILTER (WHERE is_waiting_for_lock),
    max(transaction_s),
    max(state_s)
FROM morpheus_sessions()
GROUP BY role, state
ORDER BY role, count(*) DESC
"""
_LIMITS = """
SELECT
    current_setting('max_connections')::int,
    current_setting('superuser_reserved_connections')::int
        + coalesce(current_setting('reserved_connections', true)::int, 0),
    (SELECT count(*) FROM pg_stat_activity WHERE datid IS NOT NULL)
"""


@dataclass(frozen=True, slots=True)
class SessionGroup:
    """The sessions of one role in one state.

    Attributes:
        state: "active", "idle", "idle in transaction" and so on; None without the right to see it.
        waiting: Number of sessions that wait for a lock.
        transaction_s: Age of their oldest transaction; None without any.
        state_s: Longest time of a session in this state.
    """

    role: str
    state: str | None
    count: int
    waiting: int
    transaction_s: float | None
    state_s: float | None

    @property
    def shown_state(self) -> str:
        return self.state or "hidden"


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """The limit of the server's connections, and the number in use in all databases.

    Attributes:
        reserved: Connections reserved for administrators.
    """

    maximum: int
    reserved: int
    used: int

    @property
    def usable(self) -> int:
        return self.maximum - self.reserved


def sessions() -> list[SessionGroup]:
    """Return the other sessions by role and state. Raises StatisticsUnavailable."""
    return [SessionGroup(role or "-", *rest) for role, *rest in fetch_rows(_SESSIONS)]


def connection_limits() -> ConnectionLimits:
    """Return the limit of connections and their number. Raises StatisticsUnavailable."""
    (row,) = fetch_rows(_LIMITS)
    return ConnectionLimits(*row)
