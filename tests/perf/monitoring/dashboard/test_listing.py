"""Tables: which orders an address may ask for."""

from __future__ import annotations

import pytest
from django.test import RequestFactory

from perf.monitoring.dashboard.listing import Cell, Column, listing, order_of

NAME = Column("name", "Name", lambda one: str(one), key=lambda one: str(one), descends=False)
SIZE = Column("size", "Size", lambda one: Cell(str(one)), key=lambda one: one)
PICTURE = Column("picture", "Picture", lambda one: "")
COLUMNS = [NAME, SIZE, PICTURE]


def shown(query, items=(3, None, 1), **options):
    made = listing(
        RequestFactory().get("/", query), items, COLUMNS, default="-size", empty="None.", **options
    )
    return [row[1][1].text for row in made.rows], {h.column.name: h.url for h in made.headings}


@pytest.mark.parametrize(
    "asked", [None, "", "-", "--size", "picture", "key", "size ", "__class__", "size;--", "\x00"]
)
def test_what_is_no_order_means_the_usual_one(asked):
    assert order_of(asked, COLUMNS, "-size") == (SIZE, True)


def test_what_is_not_known_comes_last_in_both_directions():
    assert shown({"sort": "-size"})[0] == ["3", "1", "None"]
    assert shown({"sort": "size"})[0] == ["1", "3", "None"]


def test_a_click_sorts_by_a_column_and_another_one_turns_it_round():
    _, urls = shown({"sort": "-size", "other": "kept"})

    assert urls["size"] == "?sort=size&other=kept"
    assert urls["name"] == "?sort=name&other=kept"


def test_the_leading_rows_of_more_are_never_turned_round():
    rows, urls = shown({"sort": "-size"}, items=(9, 8, 7), is_sorted=True)

    assert rows == ["9", "8", "7"]
    assert urls["size"] == "?sort=-size"
