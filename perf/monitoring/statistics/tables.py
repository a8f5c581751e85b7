"""Sizes, rows, dead rows and vacuum of all tables; estimates that read no table.

Each function runs one query and raises StatisticsUnavailable.
"""

from __future__ import annotations

from perf.monitoring.statistics.limited_queries import select_row, select_rows

# Every table by name.
tables = select_rows("""
SELECT
    s.relname AS name,
    -- The planner's estimate; NULL before the first ANALYZE.
    nullif(c.reltuples, -1)::bigint AS rows,
    -- Estimated number of row versions that vacuum has not removed yet, and their share of all.
    s.n_dead_tup AS dead_rows,
    coalesce(s.n_dead_tup::float8 / nullif(s.n_live_tup + s.n_dead_tup, 0), 0) AS dead_ratio,
    size.heap_bytes,
    size.index_bytes,
    size.toast_bytes,
    size.heap_bytes + size.index_bytes + size.toast_bytes AS size_bytes,
    greatest(s.last_vacuum, s.last_autovacuum) AS vacuumed_at,
    greatest(s.last_analyze, s.last_autoanalyze) AS analyzed_at,
    s.seq_scan AS sequential_scans,
    coalesce(s.idx_scan, 0) AS index_scans,
    s.n_tup_upd AS updates,
    -- The share of the updates that wrote no index.
    s.n_tup_hot_upd::float8 / nullif(s.n_tup_upd, 0) AS hot_ratio
FROM pg_stat_user_tables s
JOIN pg_class c ON c.oid = s.relid
CROSS JOIN LATERAL (
    SELECT
        pg_relation_size(s.relid) AS heap_bytes,
        pg_indexes_size(s.relid) AS index_bytes,
        -- Long values stored out of line (TOAST), with their index.
        coalesce(pg_total_relation_size(nullif(c.reltoastrelid, 0)), 0) AS toast_bytes
    -- Without it, PostgreSQL would measure the sizes again for their sum.
    OFFSET 0
) size
WHERE s.schemaname = ANY (current_schemas(false))
ORDER BY s.relname
""")

# The table with the greatest share of dead rows, among tables with at least `%s`.
# Without sizes, which need the file system.
table_with_most_dead_rows = select_row("""
SELECT relname AS table, n_dead_tup::float8 / (n_live_tup + n_dead_tup) AS ratio
FROM pg_stat_user_tables
WHERE schemaname = ANY (current_schemas(false)) AND n_dead_tup >= %s
ORDER BY ratio DESC
LIMIT 1
""")

# The indexes that interrupted builds have left.
invalid_indexes = select_rows("""
SELECT c.relname AS name
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
WHERE NOT i.indisvalid AND c.relnamespace::regnamespace::text = ANY (current_schemas(false)::text[])
ORDER BY 1
""")

# The database as a whole.
database = select_row("""
SELECT
    pg_database_size(d.oid) AS size_bytes,
    -- The share of page reads that PostgreSQL's shared buffers served since the reset.
    s.blks_hit::float8 / nullif(s.blks_hit + s.blks_read, 0) AS hit_ratio,
    -- Age of the oldest row that is not frozen yet, in transactions.
    age(d.datfrozenxid) AS transaction_age,
    s.deadlocks,
    s.temp_bytes AS temporary_bytes,
    s.stats_reset AS since,
    current_setting('server_version') AS version
FROM pg_database d
JOIN pg_stat_database s ON s.datid = d.oid
WHERE d.datname = current_database()
""")
