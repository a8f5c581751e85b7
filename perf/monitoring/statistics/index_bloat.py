"""How much of the indexes is bloat: their size, against that of new ones of as many entries."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

# PostgreSQL's pages: their size without what each has at its beginning and, in a B-tree, at its
# end; what an entry has beside its columns; how full a new leaf is.
PAGE_BYTES = 8192
_USABLE_BYTES = PAGE_BYTES - 24 - 16
_ENTRY_BYTES = 8 + 4
_ALIGNMENT_BYTES = 8
_LEAF_FILL = 0.9


@dataclass(frozen=True, slots=True)
class IndexBloat:
    """How much larger a B-tree is than a new one of its entries would be; an estimate.

    Attributes:
        bloat_bytes: Zero at least. Equal entries share their columns in a B-tree, which the
            estimate does not know: of such an index it says too little, never too much.
        ratio: The part of the index that is bloat, 0 to 1.
    """

    table: str
    index: str
    size_bytes: int
    bloat_bytes: int

    @property
    def ratio(self) -> float:
        return self.bloat_bytes / self.size_bytes if self.size_bytes else 0.0


# A query for each index that gives its entries: EXPLAIN knows how wide they are. The statistics
# themselves are kept from a role that row level security binds. What stands before a column that
# begins at a multiple of eight bytes is counted: half of these are empty on average.
_ENTRIES = """
SELECT
    t.relname,
    c.relname,
    pg_relation_size(c.oid),
    greatest(c.reltuples, 0),
    (
        SELECT count(*)
        FROM pg_attribute a
        JOIN pg_attribute b ON b.attrelid = a.attrelid AND b.attnum = a.attnum + 1
        WHERE a.attrelid = c.oid AND a.attlen <> 8 AND b.attalign = 'd'
    ),
    format(
        'SELECT entry IS NULL FROM (SELECT %%s FROM %%s OFFSET 0) entry',
        (
            SELECT string_agg(
                format('%%s AS c%%s', pg_get_indexdef(i.indexrelid, n, true), n), ', ' ORDER BY n
            )
            FROM generate_series(1, i.indnatts) n
        ),
        t.oid::regclass
    )
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_class t ON t.oid = i.indrelid
JOIN pg_am m ON m.oid = c.relam
WHERE m.amname = 'btree' AND i.indisvalid AND pg_relation_size(c.oid) >= %s
    AND has_table_privilege(t.oid, 'SELECT')
    AND c.relnamespace::regnamespace::text = ANY (current_schemas(false)::text[])
ORDER BY 3 DESC, 2
"""


def bloat(*, at_least_bytes: int = 1 << 20, using: str = DEFAULT_DB_ALIAS) -> list[IndexBloat]:
    """Estimate the bloat of every B-tree of this size, the most first. Two statements."""
    with connections[using].cursor() as cursor:
        cursor.execute(_ENTRIES, [at_least_bytes])
        found = cursor.fetchall()
        if not found:
            return []
        query = " UNION ALL ".join(entry for *_, entry in found)
        cursor.execute(f"EXPLAIN (FORMAT JSON) {query}")
        (answer,) = cursor.fetchone()
    root = (json.loads(answer) if isinstance(answer, str) else answer)[0]["Plan"]
    plans = root["Plans"] if len(found) > 1 else [root]
    estimated = [
        _bloat(table, index, size, entries, _width(plan) + gaps * _ALIGNMENT_BYTES // 2)
        for (table, index, size, entries, gaps, _), plan in zip(found, plans, strict=True)
    ]
    return sorted(estimated, key=lambda one: -one.bloat_bytes)


def _bloat(table: str, index: str, size: int, entries: float, width: int) -> IndexBloat:
    return IndexBloat(table, index, size, max(0, size - _fresh_bytes(entries, width)))


def _width(plan: dict[str, Any]) -> int:
    """Return the bytes that the innermost node of a branch gives per row."""
    while plan.get("Plans"):
        plan = plan["Plans"][0]
    return int(plan["Plan Width"])


def _fresh_bytes(entries: float, width: int) -> int:
    """Return the size of a new B-tree; its upper levels are less than a hundredth of it."""
    aligned = -(-width // _ALIGNMENT_BYTES) * _ALIGNMENT_BYTES
    leaves = entries * (aligned + _ENTRY_BYTES) / (_USABLE_BYTES * _LEAF_FILL)
    return int((leaves + 1) * PAGE_BYTES)
