"""Sizes, rows, dead rows and vacuum of all tables; estimates that read no table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from perf.monitoring.statistics.limited_queries import fetch_rows

_TABLES = """
SELECT
    s.relname,
    nullif(c.reltuples, -1)::bigint,
    s.n_live_tup,
    s.n_dead_tup,
    pg_relation_size(s.relid),
    pg_indexes_size(s.relid),
    coalesce(pg_total_relation_size(nullif(c.reltoastrelid, 0)), 0),
    greatest(s.last_vacuum, s.last_autovacuum),
    greatest(s.last_analyze, s.last_autoanalyze),
    s.seq_scan,
    coalesce(s.idx_scan, 0),
    s.n_tup_upd,
    s.n_tup_hot_upd
FROM pg_stat_user_tables s
JOIN pg_class c ON c.oid = s.relid
WHERE s.schemaname = ANY (current_schemas(false))
ORDER BY s.relname
"""
# Without sizes, which need the file system.
_DEADEST = """
SELECT relname, n_live_tup, n_dead_tup
FROM pg_stat_user_tables
WHERE schemaname = ANY (current_schemas(false)) AND n_dead_tup >= %s
ORDER BY n_dead_tup::float8 / (n_live_tup + n_dead_tup) DESC
LIMIT 1
"""
_INVALID = """
SELECT c.relname
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
WHERE NOT i.indisvalid AND c.relnamespace::regnamespace::text = ANY (current_schemas(false)::text[])
ORDER BY 1
"""
_DATABASE = """
SELECT
    pg_database_size(d.oid),
    s.blks_hit,
    s.blks_read,
    age(d.datfrozenxid),
    s.deadlocks,
    s.temp_bytes,
    s.stats_reset,
    current_setting('server_version')
FROM pg_database d
JOIN pg_stat_database s ON s.datid = d.oid
WHERE d.datname = current_database()
"""


@dataclass(frozen=True, slots=True)
class TableStats:
    """A table.

    Attributes:
        rows: The planner's estimate; None before the first ANALYZE.
        dead_rows: Estimated number of row versions that vacuum has not removed yet.
        toast_bytes: Long values stored out of line (TOAST), with their index.
        hot_updates: Updates that wrote no index.
    """

    name: str
    rows: int | None
    live_rows: int
    dead_rows: int
    heap_bytes: int
    index_bytes: int
    toast_bytes: int
    vacuumed_at: datetime | None
    analyzed_at: datetime | None
    sequential_scans: int
    index_scans: int
    updates: int
    hot_updates: int

    @property
    def size_bytes(self) -> int:
        return self.heap_bytes + self.index_bytes + self.toast_bytes

    @property
    def hot_ratio(self) -> float | None:
        return self.hot_updates / self.updates if self.updates else None

    @property
    def dead_ratio(self) -> float:
        """Share of the rows that is dead, 0 to 1."""
        everything = self.live_rows + self.dead_rows
        return self.dead_rows / everything if everything else 0.0


@dataclass(frozen=True, slots=True)
class DeadRows:
    """A table with its dead rows."""

    table: str
    live_rows: int
    dead_rows: int

    @property
    def ratio(self) -> float:
        return self.dead_rows / (self.live_rows + self.dead_rows)


@dataclass(frozen=True, slots=True)
class DatabaseStats:
    """This database as a whole.

    Attributes:
        hits: Pages found in PostgreSQL's shared buffers since the statistics were reset.
        reads: Pages read from the operating system.
        transaction_age: Age of the oldest row that is not frozen yet, in transactions.
    """

    size_bytes: int
    hits: int
    reads: int
    transaction_age: int
    deadlocks: int
    temporary_bytes: int
    since: datetime | None
    version: str

    @property
    def hit_ratio(self) -> float | None:
        everything = self.hits + self.reads
        return self.hits / everything if everything else None


def tables() -> list[TableStats]:
    """Return every table by name. Raises StatisticsUnavailable."""
    return [TableStats(*row) for row in fetch_rows(_TABLES)]


def table_with_most_dead_rows(*, at_least: int) -> DeadRows | None:
    """Return the table with the greatest share of dead rows, among tables with this many.

    Raises StatisticsUnavailable.
    """
    rows = fetch_rows(_DEADEST, [at_least])
    return DeadRows(*rows[0]) if rows else None


def invalid_indexes() -> list[str]:
    """Return the indexes left by interrupted builds. Raises StatisticsUnavailable."""
    return [name for (name,) in fetch_rows(_INVALID)]


def database() -> DatabaseStats:
    """Return the database as a whole. Raises StatisticsUnavailable."""
    (row,) = fetch_rows(_DATABASE)
    return DatabaseStats(*row)
