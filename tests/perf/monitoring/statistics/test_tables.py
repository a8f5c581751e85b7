"""Tables as PostgreSQL estimates them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from perf.monitoring.statistics import tables

# More dead rows than other tests leave in this database.
ROWS = 20_000


@pytest.fixture
def table(connect: Callable[[str], psycopg.Connection]) -> Iterator[psycopg.Connection]:
    """A table of this test's own, `scratch`; the administrator's connection that made it."""
    admin = connect("superuser")
    admin.execute("CREATE TABLE scratch AS SELECT n FROM generate_series(1, 20000) n")
    yield admin
    admin.execute("DROP TABLE scratch")


def read_scratch() -> Any:
    [stats] = [stats for stats in tables.tables() if stats.name == "scratch"]
    return stats


def test_rows_are_estimated_and_sizes_add_up(table: psycopg.Connection) -> None:
    assert read_scratch().rows is None

    table.execute("CREATE INDEX ON scratch (n)")
    table.execute("ANALYZE scratch")

    stats = read_scratch()
    assert stats.rows == ROWS
    assert stats.heap_bytes > 0 and stats.index_bytes > 0
    assert stats.size_bytes == stats.heap_bytes + stats.index_bytes + stats.toast_bytes
    assert stats.analyzed_at is not None and stats.vacuumed_at is None


def test_the_table_with_most_dead_rows_is_found(table: psycopg.Connection) -> None:
    assert tables.table_with_most_dead_rows([ROWS]) is None

    table.execute("ALTER TABLE scratch SET (autovacuum_enabled = off)")
    table.execute("UPDATE scratch SET n = n")
    table.execute("SELECT pg_stat_force_next_flush()")

    worst = tables.table_with_most_dead_rows([ROWS])
    assert (worst.table, read_scratch().dead_rows) == ("scratch", ROWS)
    assert worst.ratio == read_scratch().dead_ratio == 0.5


def test_an_index_whose_build_was_interrupted_is_found(table: psycopg.Connection) -> None:
    table.execute("CREATE INDEX scratch_idx ON scratch (n)")
    assert tables.invalid_indexes() == []

    table.execute(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'scratch_idx'::regclass"
    )

    assert [index.name for index in tables.invalid_indexes()] == ["scratch_idx"]


@pytest.mark.django_db
def test_the_database_tells_its_size_and_how_much_it_finds_in_memory() -> None:
    whole = tables.database()

    assert whole.size_bytes > 1_000_000
    assert whole.hit_ratio is not None and 0 <= whole.hit_ratio <= 1
    assert whole.transaction_age > 0
