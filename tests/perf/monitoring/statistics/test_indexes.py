"""Statistics of indexes, read as the serving role."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from perf.monitoring.statistics import indexes


def list_unused() -> list[Any]:
    return indexes.unused_indexes(indexes.list_indexes())


@pytest.fixture
def table(connect: Callable[[str], psycopg.Connection]) -> Iterator[psycopg.Connection]:
    """A parent and its child, of 4,000 rows, made by their owner."""
    owner = connect("owner")
    owner.execute("CREATE TABLE stats_parent (id bigint PRIMARY KEY)")
    owner.execute(
        "CREATE TABLE stats_child (id bigint PRIMARY KEY, parent_id bigint REFERENCES stats_parent "
        "ON DELETE CASCADE, word text, number bigint)"
    )
    owner.execute("INSERT INTO stats_parent SELECT generate_series(1, 10)")
    owner.execute(
        "INSERT INTO stats_child "
        "SELECT n, 1 + n % 10, 'word ' || n, n FROM generate_series(1, 4000) n"
    )
    yield owner
    owner.execute("DROP TABLE stats_child, stats_parent")


def test_an_index_is_unused_until_a_statement_uses_it(table: psycopg.Connection) -> None:
    table.execute("CREATE INDEX stats_word_idx ON stats_child (word)")
    table.execute("ANALYZE stats_child")

    (before,) = (index for index in list_unused() if index.table == "stats_child")
    table.execute("SELECT * FROM stats_child WHERE word = 'word 7'").fetchall()
    table.execute("SELECT pg_stat_force_next_flush()")

    assert (before.index, before.is_needed) == ("stats_word_idx", False)
    assert [index for index in list_unused() if index.table == "stats_child"] == []


def test_indexes_of_constraints_and_foreign_keys_are_never_unused(
    table: psycopg.Connection,
) -> None:
    table.execute("CREATE INDEX stats_parent_idx ON stats_child (parent_id, word)")

    needed = {index.index for index in indexes.list_indexes() if index.is_needed}

    assert {"stats_child_pkey", "stats_parent_pkey", "stats_parent_idx"} <= needed
    assert [index for index in list_unused() if index.table.startswith("stats_")] == []


def test_an_index_covered_by_a_longer_one_is_a_duplicate(table: psycopg.Connection) -> None:
    table.execute("CREATE INDEX stats_short_idx ON stats_child (word)")
    table.execute("CREATE INDEX stats_long_idx ON stats_child (word, number)")
    table.execute("CREATE INDEX stats_down_idx ON stats_child (word DESC)")
    table.execute("CREATE INDEX stats_some_idx ON stats_child (word) WHERE number > 3")

    duplicates = [index for index in indexes.duplicate_indexes() if index.table == "stats_child"]

    assert [(index.index, index.covered_by, index.is_same) for index in duplicates] == [
        ("stats_short_idx", "stats_long_idx", False)
    ]


def test_one_of_two_equal_indexes_is_a_duplicate(table: psycopg.Connection) -> None:
    table.execute("CREATE INDEX stats_old_idx ON stats_child (word) INCLUDE (number)")
    table.execute("CREATE INDEX stats_new_idx ON stats_child (word) INCLUDE (number)")

    (duplicate,) = (index for index in indexes.duplicate_indexes() if index.table == "stats_child")

    assert (duplicate.index, duplicate.covered_by, duplicate.is_same) == (
        "stats_new_idx",
        "stats_old_idx",
        True,
    )


def test_a_foreign_key_needs_an_index_with_all_its_rows(table: psycopg.Connection) -> None:
    table.execute("CREATE INDEX stats_some_idx ON stats_child (parent_id) WHERE number > 3")

    (key,) = (key for key in indexes.unindexed_foreign_keys() if key.table == "stats_child")
    table.execute(
        "CREATE INDEX stats_set_idx ON stats_child (parent_id) WHERE parent_id IS NOT NULL"
    )

    assert (key.columns, key.references, key.on_delete) == (
        ["parent_id"],
        "stats_parent",
        "CASCADE",
    )
    assert "stats_child" not in {index.table for index in indexes.unindexed_foreign_keys()}


def test_a_large_table_with_sequential_scans_is_listed(
    table: psycopg.Connection,
) -> None:
    table.execute("ANALYZE stats_child")
    before = {index.table: index for index in indexes.sequential_scans([4_000])}
    table.execute("SELECT count(*) FROM stats_child WHERE number + 0 > 1").fetchall()
    table.execute("SELECT pg_stat_force_next_flush()")

    (scans,) = (
        index for index in indexes.sequential_scans([4_000]) if index.table == "stats_child"
    )

    assert scans.scans >= 1 and scans.rows_read >= 4_000 and scans.rows == 4_000
    assert "stats_child" not in before or before["stats_child"].scans < scans.scans
    assert "stats_parent" not in {index.table for index in indexes.sequential_scans([4_000])}


def test_statistics_have_the_time_of_their_reset(db: None) -> None:
    since = indexes.statistics_since().since
    assert since is not None
    assert since < datetime.now(UTC)
