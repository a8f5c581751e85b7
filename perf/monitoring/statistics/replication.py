"""Replicas of this server, their lag, and replication slots."""

from __future__ import annotations

from typing import Any

from perf.monitoring.statistics.limited_queries import fetch_row, fetch_rows

_REPLICAS = """
SELECT
    name,
    state,
    coalesce(state, 'hidden') AS shown_state,
    sync_state,
    -- WAL written here and not yet replayed there; NULL without the right to see it.
    lag_bytes,
    -- Age of that WAL; also NULL while nothing is written.
    lag_s
FROM morpheus_replicas()
ORDER BY name
"""
# A slot retains the WAL that its consumer has not read.
_SLOTS = """
SELECT
    slot_name::text AS name,
    slot_type AS kind,
    active AS is_active,
    CASE WHEN NOT pg_is_in_recovery() THEN
        pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint
    END AS retained_bytes,
    wal_status AS status
FROM pg_replication_slots
ORDER BY slot_name
"""
# The level "minimal" allows no replica; "replica" and "logical" do.
_SERVER = """
SELECT
    is_replica, wal_level, senders, wal_level <> 'minimal' AND senders > 0 AS allows_replicas
FROM (
    SELECT
        pg_is_in_recovery() AS is_replica,
        current_setting('wal_level') AS wal_level,
        -- The maximum number of replicas.
        current_setting('max_wal_senders')::int AS senders
) server
"""


def replicas() -> list[Any]:
    """Return the replicas by name. Raises StatisticsUnavailable."""
    return fetch_rows(_REPLICAS)


def slots() -> list[Any]:
    """Return the replication slots by name. Raises StatisticsUnavailable."""
    return fetch_rows(_SLOTS)


def server_role() -> Any:
    """Return the replication settings. Raises StatisticsUnavailable."""
    return fetch_row(_SERVER)
