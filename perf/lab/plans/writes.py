"""What the indexes of a table cost those who write to it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection

from morpheus.db.roles import connected_as
from morpheus.embedded.roles import LOADER

TABLES = ("novels_novel", "comics_comic")
ROWS = 2_000
REPEATS = 5
# Of a larger table, so many rows are copied to learn what one more index costs.
SAMPLED_ROWS = 50_000

# ruff: noqa: S608 - the names are the constants here, and those of the catalogue
_COPY = "perf_written"
_HELD = "perf_held"
_FILL = f"INSERT INTO {_COPY} OVERRIDING SYSTEM VALUE SELECT * FROM {{table}} ORDER BY {{key}}"


@dataclass(frozen=True, slots=True)
class Cost:
    """What inserting rows costs under some of the indexes; bytes are per row.

    Attributes:
        indexes: Their number, without those of keys.
        rows_per_s: INSERT … SELECT of rows in random order, one transaction; the best of some runs,
            which is the one least disturbed.
        wal_bytes: What the write-ahead log grows by.
        index_bytes: What the indexes take on disk once the whole table is in them.
    """

    table: str
    what: str
    indexes: int
    rows_per_s: int
    wal_bytes: int
    index_bytes: int


def costs(table: str) -> Iterator[Cost]:
    """Yield the costs with all indexes, without each group of them, and with none.

    A group has the same first column and the same condition. Works on a copy of the table, which it
    makes and drops; the table itself is only read.
    """
    with _copied(table) as cursor:
        definitions = _definitions(cursor)
        yield _cost(cursor, table, "all", len(definitions))
        for group, names in _groups(definitions).items():
            with _dropped(cursor, {name: definitions[name] for name in names}):
                yield _cost(cursor, table, f"without {group}", len(definitions) - len(names))
        with _dropped(cursor, definitions):
            yield _cost(cursor, table, "none but the keys", 0)


def added(table: str, key: str, create: str) -> tuple[Cost, Cost]:
    """Return what inserting costs without another index, and with it.

    The rows that are inserted are some of the table's own, kept out of the copy before.

    Args:
        table: Its name.
        key: The column of its primary key.
        create: The statement that makes the index on `{table}`.
    """
    with _copied(table, key=key, at_most=SAMPLED_ROWS) as cursor:
        indexes = len(_definitions(cursor))
        cursor.execute(f"SELECT least({ROWS}, count(*) / 2) FROM {_COPY}")
        rows = cursor.fetchone()[0]
        cursor.execute(
            f"CREATE TEMP TABLE {_HELD} AS "
            f"SELECT * FROM {_COPY} ORDER BY md5({key}::text) LIMIT {rows}"
        )
        cursor.execute(f"DELETE FROM {_COPY} c USING {_HELD} h WHERE c.{key} = h.{key}")
        source = f"SELECT * FROM {_HELD}"
        without = _cost(cursor, table, "without", indexes, source=source, rows=rows)
        cursor.execute(create.format(table=_COPY))
        return without, _cost(cursor, table, "with", indexes + 1, source=source, rows=rows)


@contextmanager
def _copied(table: str, *, key: str = "id", at_most: int | None = None) -> Iterator[Any]:
    with connected_as("owner"), connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {_COPY}")
        # Committed at once: what fills a table of its own transaction is not logged.
        cursor.execute(f"CREATE TABLE {_COPY} (LIKE {table} INCLUDING ALL)")
        try:
            cursor.execute(f"GRANT ALL ON {_COPY} TO {LOADER}")
            # Row level security keeps the owner from reading private rows.
            cursor.execute(f"SET ROLE {LOADER}")
            limit = "" if at_most is None else f" LIMIT {at_most}"
            cursor.execute(_FILL.format(table=table, key=key) + limit)
            cursor.execute("RESET ROLE")
            yield cursor
        finally:
            cursor.execute("RESET ROLE")
            cursor.execute(f"DROP TABLE {_COPY}")


def _definitions(cursor: Any) -> dict[str, str]:
    """Return the statements that make the indexes of the copy, without its keys."""
    cursor.execute(
        "SELECT c.relname, pg_get_indexdef(c.oid) FROM pg_index i "
        "JOIN pg_class c ON c.oid = i.indexrelid "
        "WHERE i.indrelid = %s::regclass AND NOT i.indisunique ORDER BY 1",
        [_COPY],
    )
    return dict(cursor.fetchall())


def _groups(definitions: dict[str, str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name, definition in definitions.items():
        first = definition.split("(", 1)[1].split(",")[0].split(")")[0]
        rows = "public rows" if "WHERE" in definition else "all rows"
        groups.setdefault(f"{first} … of {rows}", []).append(name)
    return groups


@contextmanager
def _dropped(cursor: Any, definitions: dict[str, str]) -> Iterator[None]:
    for name in definitions:
        cursor.execute(f"DROP INDEX {name}")
    yield
    for definition in definitions.values():
        cursor.execute(definition)


def _cost(
    cursor: Any, table: str, what: str, indexes: int, *, source: str = "", rows: int | None = None
) -> Cost:
    cursor.execute(f"REINDEX TABLE {_COPY}")
    cursor.execute(f"VACUUM (ANALYZE) {_COPY}")
    cursor.execute(f"SELECT pg_indexes_size(%s), (SELECT count(*) FROM {_COPY})", [_COPY])
    size, count = cursor.fetchone()
    source, rows = source or _alike(cursor), rows or ROWS
    _insert(cursor, source)  # After REINDEX the first one finds nothing in memory.
    runs = [_insert(cursor, source) for _ in range(REPEATS)]
    seconds, wal = (min(figures) for figures in zip(*runs, strict=True))
    return Cost(
        table, what, indexes, round(rows / seconds), round(wal / rows), round(size / max(count, 1))
    )


def _alike(cursor: Any) -> str:
    """Return the SELECT of rows that are like those there are."""
    cursor.execute(f"SELECT * FROM {_COPY} LIMIT 0")
    names = [column.name for column in cursor.description]
    values = ", ".join("id + 1000000000" if name == "id" else name for name in names)
    return f"SELECT {values} FROM {_COPY} ORDER BY md5(id::text) LIMIT {ROWS}"


def _insert(cursor: Any, source: str) -> tuple[float, float]:
    """Insert what a SELECT gives; return seconds and bytes of log. Undoes it."""
    cursor.execute("BEGIN")
    cursor.execute("SELECT pg_current_wal_insert_lsn()")
    before = cursor.fetchone()[0]
    began = time.perf_counter()
    cursor.execute(f"INSERT INTO {_COPY} OVERRIDING SYSTEM VALUE {source}")
    seconds = time.perf_counter() - began
    cursor.execute("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), %s::pg_lsn)", [before])
    wal = float(cursor.fetchone()[0])
    cursor.execute("ROLLBACK")
    cursor.execute(f"VACUUM {_COPY}")
    return seconds, wal
