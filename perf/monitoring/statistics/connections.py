"""Sessions of this database without their statements, replicas with their lag, and slots.

Each function runs one query and raises StatisticsUnavailable.
"""

from __future__ import annotations

from perf.monitoring.statistics.limited_queries import select_row, select_rows

# The other sessions by role and state.
sessions = select_rows("""
SELECT
    -- '-' for a process of PostgreSQL itself, such as autovacuum.
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
""")

# The limit of connections and their number.
connection_limits = select_row("""
SELECT maximum, reserved, maximum - reserved AS usable, used
FROM (
    SELECT
        current_setting('max_connections')::int AS maximum,
        -- Connections reserved for administrators.
        current_setting('superuser_reserved_connections')::int
            + coalesce(current_setting('reserved_connections', true)::int, 0) AS reserved,
        (SELECT count(*) FROM pg_stat_activity WHERE datid IS NOT NULL) AS used
) limits
""")

# The replicas by name.
replicas = select_rows("""
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
""")

# The replication slots by name.
# A slot retains the WAL that its consumer has not read.
slots = select_rows("""
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
""")

# The settings of replication.
# The level "minimal" allows no replica; "replica" and "logical" do.
server_role = select_row("""
SELECT
    is_replica, wal_level, senders, wal_level <> 'minimal' AND senders > 0 AS allows_replicas
FROM (
    SELECT
        pg_is_in_recovery() AS is_replica,
        current_setting('wal_level') AS wal_level,
        -- The maximum number of replicas.
        current_setting('max_wal_senders')::int AS senders
) server
""")
