"""Unused, duplicate and missing indexes, and sequential scans; reads no table.

All functions cover the schemas of the search path and raise StatisticsUnavailable.
"""

from __future__ import annotations

from typing import Any

from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connections

from perf.monitoring.statistics.limited_queries import (
    StatisticsUnavailable,
    select_row,
    select_rows,
)

# Whether index i begins with the first column of foreign key k and has all rows where that is
# not null.
_SERVES = """
k.contype = 'f' AND k.conrelid = i.indrelid AND k.conkey[1] = i.indkey[0]
AND i.indisvalid AND (i.indpred IS NULL OR pg_get_expr(i.indpred, i.indrelid) = format(
    '(%I IS NOT NULL)',
    (SELECT attname FROM pg_attribute WHERE attrelid = k.conrelid AND attnum = k.conkey[1])
))
"""

# Every index, largest first.
list_indexes = select_rows(f"""
SELECT
    s.relname AS table,
    s.indexrelname AS index,
    pg_get_indexdef(i.indexrelid) AS definition,
    pg_relation_size(i.indexrelid) AS size_bytes,
    -- Whether it is needed without any scan: it enforces a constraint, is a replica identity, or
    -- finds the rows of a foreign key.
    i.indisunique OR i.indisexclusion OR i.indisreplident
        OR EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)
        OR EXISTS (SELECT FROM pg_constraint k WHERE {_SERVES})
        AS is_needed,
    -- Scans on this server since the statistics were reset.
    coalesce(s.idx_scan, 0) AS scans,
    -- Always NULL before PostgreSQL 16.
    (to_jsonb(s) ->> 'last_idx_scan')::timestamptz AS last_used
FROM pg_stat_user_indexes s
JOIN pg_index i ON i.indexrelid = s.indexrelid
WHERE s.schemaname = ANY (current_schemas(false))
ORDER BY size_bytes DESC, 2
""")  # noqa: S608 - the text is the constant above

# The time of the last reset or crash; scans are counted since then.
# A crash resets all statistics, which only the statistics of the whole server record.
statistics_since = select_row("""
SELECT greatest(d.stats_reset, (SELECT stats_reset FROM pg_stat_bgwriter)) AS since
FROM pg_stat_database d
WHERE d.datname = current_database()
""")

# The B-trees that another one covers, by table and name.
# An index covers another one with the same first columns, rows and kind. Keys are compared with
# their operator class, collation and direction. Of two equal indexes, the one that enforces a
# constraint stays, or else the older one.
duplicate_indexes = select_rows("""
WITH described AS (
    SELECT
        i.indexrelid AS id,
        i.indrelid AS of,
        i.indisunique OR i.indisexclusion OR i.indisreplident
            OR EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid) AS enforces,
        pg_get_expr(i.indpred, i.indrelid) AS rows,
        (
            SELECT array_agg(format(
                '%s %s %s %s',
                pg_get_indexdef(i.indexrelid, n, true),
                i.indclass[n - 1],
                i.indcollation[n - 1],
                i.indoption[n - 1]
            ) ORDER BY n)
            FROM generate_series(1, i.indnkeyatts) n
        ) AS keys,
        ARRAY(
            SELECT pg_get_indexdef(i.indexrelid, n, true)
            FROM generate_series(1, i.indnatts) n
        ) AS columns
    FROM pg_index i
    JOIN pg_class c ON c.oid = i.indexrelid
    JOIN pg_am m ON m.oid = c.relam
    WHERE i.indisvalid AND m.amname = 'btree'
        AND c.relnamespace::regnamespace::text = ANY (current_schemas(false)::text[])
)
SELECT DISTINCT ON (t.relname, c.relname)
    t.relname AS table,
    c.relname AS index,
    pg_relation_size(a.id) AS size_bytes,
    -- The index to keep.
    o.relname AS covered_by,
    -- Whether both have the same columns; otherwise the other one has more.
    a.keys = b.keys AND a.columns <@ b.columns AND b.columns <@ a.columns AS is_same
FROM described a
JOIN described b ON b.of = a.of AND b.id <> a.id
    AND b.rows IS NOT DISTINCT FROM a.rows
    AND b.keys[:cardinality(a.keys)] = a.keys
    AND a.columns <@ b.columns
JOIN pg_class t ON t.oid = a.of
JOIN pg_class c ON c.oid = a.id
JOIN pg_class o ON o.oid = b.id
WHERE NOT a.enforces
    -- Of two equal indexes, one stays.
    AND NOT (
        a.keys = b.keys AND b.columns <@ a.columns AND NOT b.enforces AND a.id < b.id
    )
ORDER BY t.relname, c.relname, b.enforces DESC, pg_relation_size(b.id), b.id
""")

# Foreign keys without an index, those of the largest tables first.
unindexed_foreign_keys = select_rows(f"""
SELECT
    t.relname AS table,
    ARRAY(
        SELECT a.attname::text
        FROM unnest(k.conkey) WITH ORDINALITY u (number, place)
        JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number
        ORDER BY u.place
    ) AS columns,
    -- The table whose DELETE scans all of this one.
    k.confrelid::regclass::text AS references,
    CASE k.confdeltype
        WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'd' THEN 'SET DEFAULT'
        WHEN 'r' THEN 'RESTRICT' ELSE 'NO ACTION'
    END AS on_delete,
    -- The planner's estimate; -1 before the first ANALYZE.
    t.reltuples::bigint AS rows,
    pg_relation_size(t.oid) AS size_bytes
FROM pg_constraint k
JOIN pg_class t ON t.oid = k.conrelid
WHERE k.contype = 'f'
    AND t.relnamespace::regnamespace::text = ANY (current_schemas(false)::text[])
    AND NOT EXISTS (SELECT FROM pg_index i WHERE {_SERVES})
ORDER BY size_bytes DESC, 1, k.conname
""")  # noqa: S608

# Tables of at least `%s` rows with sequential scans, most rows read first.
sequential_scans = select_rows("""
SELECT
    s.relname AS table,
    s.seq_scan AS scans,
    -- Rows that these scans read since the statistics were reset.
    s.seq_tup_read AS rows_read,
    coalesce(s.idx_scan, 0) AS index_scans,
    -- The planner's estimate.
    c.reltuples::bigint AS rows
FROM pg_stat_user_tables s
JOIN pg_class c ON c.oid = s.relid
WHERE s.schemaname = ANY (current_schemas(false)) AND s.seq_scan > 0 AND c.reltuples >= %s
ORDER BY s.seq_tup_read DESC
""")


def unused_indexes(indexes: list[Any]) -> list[Any]:
    """Return the indexes without a scan on this server or a replica, if nothing needs them.

    `statistics_since` tells how much that means.
    """
    try:
        replicas = [list_indexes(using=alias) for alias in connections if alias != DEFAULT_DB_ALIAS]
    except (DatabaseError, InterfaceError) as error:
        raise StatisticsUnavailable(
            "The replica does not respond, so the indexes that it uses are unknown."
        ) from error
    used = {index.index for replica in replicas for index in replica if index.scans}
    return [
        index
        for index in indexes
        if not index.scans and not index.is_needed and index.index not in used
    ]
