"""Who is connected to this database, and doing what; never with which statement."""

from __future__ import annotations

from dataclasses import dataclass

from perf.monitoring.statistics.reading import rows

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
        state: "active", "idle", "idle in transaction" and so on; None where it is hidden.
        waiting: How many of them wait for a lock.
        transaction_s: How long the oldest of their transactions has lasted, None without any.
        state_s: How long they have been in this state, at most.
    """

    role: str
    state: str | None
    count: int
    waiting: int
    transaction_s: float | None
    state_s: float | None


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """How many connections the server allows, and has; of all databases.

    Attributes:
        reserved: Those of them that are kept for administrators.
    """

    most: int
    reserved: int
    used: int

    @property
    def usable(self) -> int:
        return self.most - self.reserved


def sessions() -> list[SessionGroup]:
    """Return the other sessions of this database, by role and state. Raises StatsUnavailable."""
    return [SessionGroup(role or "-", *rest) for role, *rest in rows(_SESSIONS)]


def limits() -> ConnectionLimits:
    """Return the server's limit and what is used of it. Raises StatsUnavailable."""
    (row,) = rows(_LIMITS)
    return ConnectionLimits(*row)
