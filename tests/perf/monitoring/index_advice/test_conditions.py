"""Conditions are read as PostgreSQL writes them."""

from __future__ import annotations

import pytest

from perf.monitoring.index_advice.conditions import Conditions, split, unwrapped

COLUMNS = {"id", "title", "genre_id", "is_public", "owner_id", "state", "tags"}


def read(text):
    found = Conditions()
    found.add(text, "n", COLUMNS)
    return found


def test_each_kind_of_condition_is_told_from_the_others():
    found = read(
        "((n.genre_id = '1'::smallint) AND n.is_public AND (n.tags @> $1) AND "
        "(ROW((n.title)::text, n.id) > ROW((InitPlan 1).col1, (InitPlan 2).col1)))"
    )

    assert found == Conditions(
        equal=["genre_id"],
        literals={"is_public": True},
        ranges=["title", "id"],
        gin=[("tags", "@>")],
    )


def test_what_row_level_security_adds_is_nothing_to_find_rows_by():
    assert read("(n.is_public OR (n.owner_id = (NULLIF(x, ''::text))::bigint))") == Conditions()


def test_values_of_one_column_are_a_list():
    found = read("(((n.state)::text = 'a'::text) OR ((n.state)::text = ANY ('{b,c}'::text[])))")

    assert found == Conditions(any_of=["state"])


@pytest.mark.parametrize("text", ["(NOT n.is_public)", "NOT is_public"])
def test_a_boolean_may_be_denied(text):
    assert read(text) == Conditions(literals={"is_public": False})


def test_a_column_compared_with_another_of_its_row_finds_nothing():
    assert read("(n.owner_id = n.genre_id)") == Conditions()


def test_another_table_may_give_the_value():
    assert read("(g.id = n.genre_id)") == Conditions(equal=["genre_id"])


def test_words_in_quotes_and_parentheses_are_left_alone():
    assert split("((a = 'x AND (y') AND (b AND c))", " AND ") == ["(a = 'x AND (y')", "(b AND c)"]
    assert unwrapped("(a) = (b)") == "(a) = (b)"
