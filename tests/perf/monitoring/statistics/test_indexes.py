"""What the catalogue says of indexes, seen as the serving role."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from perf.monitoring.statistics import indexes


@pytest.fixture
def table(connect):
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


def test_an_index_that_no_statement_used_is_unused_until_one_does(table):
    table.execute("CREATE INDEX stats_word_idx ON stats_child (word)")
    table.execute("ANALYZE stats_child")

    (before,) = (one for one in indexes.unused() if one.table == "stats_child")
    table.execute("SELECT * FROM stats_child WHERE word = 'word 7'").fetchall()
    table.execute("SELECT pg_stat_force_next_flush()")

    assert (before.index, before.method, before.is_needed) == ("stats_word_idx", "btree", False)
    assert [one for one in indexes.unused() if one.table == "stats_child"] == []


def test_keys_and_what_serves_a_foreign_key_are_never_unused(table):
    table.execute("CREATE INDEX stats_parent_idx ON stats_child (parent_id, word)")

    needed = {one.index for one in indexes.sizes() if one.is_needed}

    assert {"stats_child_pkey", "stats_parent_pkey", "stats_parent_idx"} <= needed
    assert [one for one in indexes.unused() if one.table.startswith("stats_")] == []


def test_the_shorter_of_two_that_begin_alike_is_double(table):
    table.execute("CREATE INDEX stats_short_idx ON stats_child (word)")
    table.execute("CREATE INDEX stats_long_idx ON stats_child (word, number)")
    table.execute("CREATE INDEX stats_down_idx ON stats_child (word DESC)")
    table.execute("CREATE INDEX stats_some_idx ON stats_child (word) WHERE number > 3")

    found = [one for one in indexes.duplicates() if one.table == "stats_child"]

    assert [(one.index, one.covered_by, one.is_same) for one in found] == [
        ("stats_short_idx", "stats_long_idx", False)
    ]


def test_of_two_that_are_the_same_one_stays(table):
    table.execute("CREATE INDEX stats_old_idx ON stats_child (word) INCLUDE (number)")
    table.execute("CREATE INDEX stats_new_idx ON stats_child (word) INCLUDE (number)")

    (found,) = (one for one in indexes.duplicates() if one.table == "stats_child")

    assert (found.index, found.covered_by, found.is_same) == (
        "stats_new_idx",
        "stats_old_idx",
        True,
    )


def test_a_foreign_key_is_served_by_an_index_of_all_its_rows(table):
    table.execute("CREATE INDEX stats_some_idx ON stats_child (parent_id) WHERE number > 3")

    (found,) = (one for one in indexes.unindexed_foreign_keys() if one.table == "stats_child")
    table.execute(
        "CREATE INDEX stats_set_idx ON stats_child (parent_id) WHERE parent_id IS NOT NULL"
    )

    assert (found.columns, found.references, found.on_delete) == (
        ("parent_id",),
        "stats_parent",
        "CASCADE",
    )
    assert "stats_child" not in {one.table for one in indexes.unindexed_foreign_keys()}


def test_bloat_is_what_deleted_rows_leave(table):
    table.execute("CREATE INDEX stats_number_idx ON stats_child (number, word)")
    table.execute("VACUUM ANALYZE stats_child")

    def of(name):
        found = {one.index: one for one in indexes.bloat(at_least_bytes=0)}
        return found[name]

    fresh = of("stats_number_idx")
    table.execute("DELETE FROM stats_child WHERE number % 10 > 0")
    table.execute("VACUUM ANALYZE stats_child")
    emptied = of("stats_number_idx")

    assert fresh.ratio < 0.2
    assert emptied.size_bytes == fresh.size_bytes and emptied.ratio > 0.7


def test_statistics_say_since_when(db):
    assert indexes.statistics_since() < datetime.now(UTC)
