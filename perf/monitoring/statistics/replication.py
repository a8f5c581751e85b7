"""Replicas of this server, their lag, and replication slots."""

from __future__ import annotations

from dataclasses import dataclass

from perf.monitoring.statistics.limited_queries import fetch_rows

_REPLICAS = (
    "SELECT name, state, sync_state, lag_bytes, lag_s FROM morpheus_replicas() ORDER BY name"
)
_SLOTS = """
SELECT
    slot_name::text,
    slot_type,
    active,
    CASE WHEN NOT pg_is_in_recovery() THEN
        pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint
    END,
    wal_status
FROM pg_replication_slots
ORDER BY slot_name
"""
_SERVER = """
SELECT
    pg_is_in_recovery(),
    current_setting('wal_level'),
    current_setting('max_wal_senders')::int
"""


@dataclass(frozen=True, slots=True)
class Replica:
    """A replica that streams from this server.

    Attributes:
        lag_bytes: WAL written here and not yet replayed there; None without the right to see it.
        lag_s: Age of that WAL; also None while nothing is written.
    """

    name: str
    state: str | None
    sync_state: str | None
    lag_bytes: int | None
    lag_s: float | None

    @property
    def shown_state(self) -> str:
        return self.state or "hidden"


@dataclass(frozen=True, slots=True)
class Slot:
    """A replication slot, which retains the WAL that its consumer has not read."""

    name: str
    kind: str
    is_active: bool
    retained_bytes: int | None
    status: str | None


@dataclass(frozen=True, slots=True)
class ServerRole:
    """The replication settings of this server.

    Attributes:
        wal_level: "minimal" allows no replica; "replica" and "logical" do.
        senders: The maximum number of replicas.
    """

    is_replica: bool
    wal_level: str
    senders: int

    @property
    def allows_replicas(self) -> bool:
        return self.wal_level != "minimal" and self.senders > 0


def replicas() -> list[Replica]:
    """Return the replicas by name. Raises StatisticsUnavailable."""
    return [Replica(*row) for row in fetch_rows(_REPLICAS)]


def slots() -> list[Slot]:
    """Return the replication slots by name. Raises StatisticsUnavailable."""
    return [Slot(*row) for row in fetch_rows(_SLOTS)]


def server_role() -> ServerRole:
    """Return the replication settings. Raises StatisticsUnavailable."""
    (row,) = fetch_rows(_SERVER)
    return ServerRole(*row)
