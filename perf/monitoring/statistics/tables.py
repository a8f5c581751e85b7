"""The tables of this database: size, rows, dead rows, vacuum. Reads no table: all are estimates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from perf.monitoring.statistics.reading import rows

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
# Without sizes, which are looked up in the file system.
_DEADEST = """
SELECT relname, n_live_tup, n_dead_tup
FROM pg_stat_user_tables
WHERE schemaname = ANY (current_schemas(false)) AND n_dead_tup >= %s
ORDER BY n_dead_tup::float8 / (n_live_tup + n_dead_tup) DESC
LIMIT 1
"""
_BROKEN = """
SELECT c.relname
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
WHERE NOT i.indisvalid AND c.relnamespace::regnamespace::text = ANY (current_schemas(false)::text[])
ORDER BY 1
"""
_DATABASE = """
SELECT
    d.datname,
    pg_database_size(d.oid),
    s.blks_hit,
    s.blks_read,
    age(d.datfrozenxid),
    s.deadlocks,
    s.temp_bytes,
    s.stats_reset,
    pg_postmaster_start_time(),
    current_setting('server_version')
FROM pg_database d
JOIN pg_stat_database s ON s.datid = d.oid
WHERE d.datname = current_database()
"""


@dataclass(frozen=True, slots=True)
class TableStats:
    """A table.

    Attributes:
        rows: As the planner estimates them; None before its first ANALYZE.
        dead_rows: Old versions that no vacuum has cleared away yet; an estimate.
        apart_bytes: Long values that are stored out of line (TOAST), with their index.
        hot_updates: Those of the updates that wrote no index.
    """

    name: str
    rows: int | None
    live_rows: int
    dead_rows: int
    heap_bytes: int
    index_bytes: int
    apart_bytes: int
    vacuumed_at: datetime | None
    analyzed_at: datetime | None
    sequential_scans: int
    index_scans: int
    updates: int
    hot_updates: int

    @property
    def size_bytes(self) -> int:
        return self.heap_bytes + self.index_bytes + self.apart_bytes

    @property
    def dead_ratio(self) -> float:
        """The part of the rows that is dead, 0 to 1."""
        everything = self.live_rows + self.dead_rows
        return self.dead_rows / everything if everything else 0.0


@dataclass(frozen=True, slots=True)
class DeadRows:
    """A table and how many of its rows are dead."""

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
        hits: Pages that were found in PostgreSQL's memory since the statistics began.
        reads: Pages that were not; the system may have had them.
        transaction_age: How many transactions the oldest row lies back that must still be frozen.
    """

    name: str
    size_bytes: int
    hits: int
    reads: int
    transaction_age: int
    deadlocks: int
    temporary_bytes: int
    since: datetime | None
    started_at: datetime
    version: str

    @property
    def hit_ratio(self) -> float | None:
        everything = self.hits + self.reads
        return self.hits / everything if everything else None


def tables() -> list[TableStats]:
    """Return every table, by name. One statement. Raises StatsUnavailable."""
    return [TableStats(*row) for row in rows(_TABLES)]


def deadest_table(*, at_least: int) -> DeadRows | None:
    """Return the table with the greatest part of dead rows, if these are so many.

    One statement. Raises StatsUnavailable.
    """
    found = rows(_DEADEST, [at_least])
    return DeadRows(*found[0]) if found else None


def broken_indexes() -> list[str]:
    """Return the names of indexes that an interrupted build has left. Raises StatsUnavailable."""
    return [name for (name,) in rows(_BROKEN)]


def database() -> DatabaseStats:
    """Return the database as a whole. One statement. Raises StatsUnavailable."""
    (row,) = rows(_DATABASE)
    return DatabaseStats(*row)
