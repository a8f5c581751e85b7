"""Who follows this server, and how far behind."""

from __future__ import annotations

from dataclasses import dataclass

from perf.monitoring.statistics.reading import rows

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
    """A server that follows this one.

    Attributes:
        lag_bytes: What was written here and is not yet shown there; None where it is hidden.
        lag_s: How long ago it was written; None while nothing is written, too.
    """

    name: str
    state: str | None
    sync_state: str | None
    lag_bytes: int | None
    lag_s: float | None


@dataclass(frozen=True, slots=True)
class Slot:
    """A replication slot: it keeps the log that its follower has not read.

    Attributes:
        kept_bytes: How much log it keeps.
    """

    name: str
    kind: str
    is_active: bool
    kept_bytes: int | None
    status: str | None


@dataclass(frozen=True, slots=True)
class ServerRole:
    """Whether this server can be followed.

    Attributes:
        wal_level: "minimal" can not, "replica" and "logical" can.
        senders: How many may follow at most.
    """

    is_replica: bool
    wal_level: str
    senders: int

    @property
    def can_be_followed(self) -> bool:
        return self.wal_level != "minimal" and self.senders > 0


def replicas() -> list[Replica]:
    """Return who follows this server, by name. Raises StatsUnavailable."""
    return [Replica(*row) for row in rows(_REPLICAS)]


def slots() -> list[Slot]:
    """Return the replication slots, by name. Raises StatsUnavailable."""
    return [Slot(*row) for row in rows(_SLOTS)]


def server_role() -> ServerRole:
    """Return whether this server can be followed. Raises StatsUnavailable."""
    (row,) = rows(_SERVER)
    return ServerRole(*row)
