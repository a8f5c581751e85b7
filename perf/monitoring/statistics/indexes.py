"""Indexes as the catalogue and the statistics show them: size, use, duplicates, gaps, bloat.

No function reads a table; all are of the schemas that names are looked up in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

from perf.monitoring.statistics.index_bloat import IndexBloat, bloat

__all__ = [
    "DuplicateIndex",
    "IndexBloat",
    "IndexSize",
    "UnindexedForeignKey",
    "bloat",
    "duplicates",
    "sizes",
    "statistics_since",
    "unindexed_foreign_keys",
    "unused",
]


@dataclass(frozen=True, slots=True)
class IndexSize:
    """An index and how often it was used.

    Attributes:
        definition: The CREATE INDEX statement.
        method: "btree", "gin" and so on.
        is_valid: False after a concurrent build that was interrupted: it only costs.
        is_needed: Whether it keeps a promise (a key, a constraint, an exclusion, a replica's
            identity) or finds the rows of a foreign key, so that it may be needed without a scan.
        scans: In how many scans it was used since statistics are collected, on this server.
        last_used: Of the last of these; None before PostgreSQL 16, too.
    """

    table: str
    index: str
    definition: str
    method: str
    size_bytes: int
    is_unique: bool
    is_valid: bool
    is_needed: bool
    scans: int
    last_used: datetime | None


@dataclass(frozen=True, slots=True)
class DuplicateIndex:
    """An index that another one can stand for: the same first columns, rows and kind.

    Attributes:
        covered_by: The index that stays.
        is_same: Whether both have the very same columns; else the other has more.
    """

    table: str
    index: str
    definition: str
    size_bytes: int
    covered_by: str
    is_same: bool


@dataclass(frozen=True, slots=True)
class UnindexedForeignKey:
    """A foreign key none of whose indexes of all rows begins with its first column.

    Attributes:
        columns: Of the table, in the constraint's order.
        references: The table whose DELETE reads all of this one.
        on_delete: "CASCADE", "SET NULL", "RESTRICT", "NO ACTION" or "SET DEFAULT".
        rows: Of the table, as the planner estimates them; -1 before its first ANALYZE.
        parent_deletes: Rows deleted from `references` since statistics are collected.
    """

    table: str
    constraint: str
    columns: tuple[str, ...]
    references: str
    on_delete: str
    rows: int
    table_bytes: int
    parent_deletes: int


# Whether an index begins with the first column of a foreign key {k} and has every row it may ask
# for: those that are not null.
_SERVES = """
{k}.contype = 'f' AND {k}.conrelid = {i}.indrelid AND {k}.conkey[1] = {i}.indkey[0]
AND {i}.indisvalid AND ({i}.indpred IS NULL OR pg_get_expr({i}.indpred, {i}.indrelid) = format(
    '(%I IS NOT NULL)',
    (SELECT attname FROM pg_attribute WHERE attrelid = {k}.conrelid AND attnum = {k}.conkey[1])
))
"""

# The statistics of PostgreSQL 15 have no time of the last scan.
_SIZES = f"""
SELECT
    s.relname,
    s.indexrelname,
    pg_get_indexdef(i.indexrelid),
    m.amname,
    pg_relation_size(i.indexrelid),
    i.indisunique,
    i.indisvalid,
    i.indisunique OR i.indisexclusion OR i.indisreplident
        OR EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)
        OR EXISTS (SELECT FROM pg_constraint k WHERE {_SERVES.format(i="i", k="k")}),
    coalesce(s.idx_scan, 0),
    (to_jsonb(s) ->> 'last_idx_scan')::timestamptz
FROM pg_stat_user_indexes s
JOIN pg_index i ON i.indexrelid = s.indexrelid
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_am m ON m.oid = c.relam
WHERE s.schemaname = ANY (current_schemas(false))
ORDER BY 5 DESC, 2
"""  # noqa: S608 - the text is the constant above

# Without parameters of their own, per server: a crash begins all statistics anew, and says so in
# those of the whole server alone.
_SINCE = """
SELECT greatest(d.stats_reset, (SELECT stats_reset FROM pg_stat_bgwriter))
FROM pg_stat_database d
WHERE d.datname = current_database()
"""

# Keys are compared with their operator class, collation and direction. Of two that are the same,
# the one that keeps a promise stays, else the older one.
_DUPLICATES = """
WITH described AS (
    SELECT
        i.indexrelid AS id,
        i.indrelid AS of,
        i.indisunique OR i.indisexclusion OR i.indisreplident
            OR EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid) AS is_promise,
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
    t.relname,
    c.relname,
    pg_get_indexdef(a.id),
    pg_relation_size(a.id),
    o.relname,
    a.keys = b.keys AND a.columns <@ b.columns AND b.columns <@ a.columns
FROM described a
JOIN described b ON b.of = a.of AND b.id <> a.id
    AND b.rows IS NOT DISTINCT FROM a.rows
    AND b.keys[:cardinality(a.keys)] = a.keys
    AND a.columns <@ b.columns
JOIN pg_class t ON t.oid = a.of
JOIN pg_class c ON c.oid = a.id
JOIN pg_class o ON o.oid = b.id
WHERE NOT a.is_promise
    -- Of two that stand for each other, one stays.
    AND NOT (
        a.keys = b.keys AND b.columns <@ a.columns AND NOT b.is_promise AND a.id < b.id
    )
ORDER BY t.relname, c.relname, b.is_promise DESC, pg_relation_size(b.id), b.id
"""

_UNINDEXED = f"""
SELECT
    t.relname,
    k.conname,
    ARRAY(
        SELECT a.attname::text
        FROM unnest(k.conkey) WITH ORDINALITY u (number, place)
        JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number
        ORDER BY u.place
    ),
    k.confrelid::regclass::text,
    CASE k.confdeltype
        WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'd' THEN 'SET DEFAULT'
        WHEN 'r' THEN 'RESTRICT' ELSE 'NO ACTION'
    END,
    t.reltuples::bigint,
    pg_relation_size(t.oid),
    coalesce((SELECT n_tup_del FROM pg_stat_user_tables WHERE relid = k.confrelid), 0)
FROM pg_constraint k
JOIN pg_class t ON t.oid = k.conrelid
WHERE k.contype = 'f'
    AND t.relnamespace::regnamespace::text = ANY (current_schemas(false)::text[])
    AND NOT EXISTS (SELECT FROM pg_index i WHERE {_SERVES.format(i="i", k="k")})
ORDER BY 7 DESC, 1, 2
"""  # noqa: S608


def sizes(using: str = DEFAULT_DB_ALIAS) -> list[IndexSize]:
    """Return every index, the largest first. One statement."""
    return [IndexSize(*row) for row in _rows(_SIZES, using=using)]


def statistics_since(using: str = DEFAULT_DB_ALIAS) -> datetime | None:
    """Return since when scans are counted: the last reset or crash. One statement."""
    ((since,),) = _rows(_SINCE, using=using)
    found: datetime | None = since
    return found


def unused(using: Iterable[str] | None = None) -> list[IndexSize]:
    """Return what no statement used and nothing else needs, the largest first.

    Unused means: neither on the primary nor on a replica that the settings name, each of which
    counts for itself. One statement for each. How much that says depends on `statistics_since`.
    """
    servers = [sizes(alias) for alias in (connections if using is None else using)]
    scans = Counter[str]()
    for server in servers:
        scans.update({one.index: one.scans for one in server})
    return [one for one in servers[0] if not scans[one.index] and not one.is_needed]


def duplicates(using: str = DEFAULT_DB_ALIAS) -> list[DuplicateIndex]:
    """Return the B-trees that another one can stand for, by table and name. One statement."""
    return [DuplicateIndex(*row) for row in _rows(_DUPLICATES, using=using)]


def unindexed_foreign_keys(using: str = DEFAULT_DB_ALIAS) -> list[UnindexedForeignKey]:
    """Return foreign keys without an index, those of the largest tables first. One statement."""
    return [
        UnindexedForeignKey(table, name, tuple(columns), *rest)
        for table, name, columns, *rest in _rows(_UNINDEXED, using=using)
    ]


def _rows(sql: str, *, using: str) -> list[Any]:
    with connections[using].cursor() as cursor:
        cursor.execute(sql)
        found: list[Any] = cursor.fetchall()
        return found
