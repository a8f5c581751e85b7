"""Tables: sorting by the orders of the URL."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import RequestFactory

from perf.monitoring.dashboard.tables import Cell, Column, build_table, parse_order

NAME = Column("name", "Name", lambda row: str(row), key=lambda row: str(row), descends=False)
SIZE = Column("size", "Size", lambda row: Cell(str(row)), key=lambda row: row)
PICTURE = Column("picture", "Picture", lambda row: "")
COLUMNS = [NAME, SIZE, PICTURE]


def build(
    query: dict[str, str], rows: tuple[int | None, ...] = (3, None, 1), **options: Any
) -> tuple[list[str], dict[str, str]]:
    table = build_table(
        RequestFactory().get("/", query), rows, COLUMNS, default="-size", empty="None.", **options
    )
    return [row[1][1].text for row in table.rows], {
        heading.column.name: heading.url for heading in table.headings
    }


@pytest.mark.parametrize(
    "order", [None, "", "-", "--size", "picture", "key", "size ", "__class__", "size;--", "\x00"]
)
def test_an_unknown_order_is_the_default(order: str | None) -> None:
    assert parse_order(order, COLUMNS, "-size") == (SIZE, True)


def test_missing_values_are_last_in_both_directions() -> None:
    assert build({"sort": "-size"})[0] == ["3", "1", "None"]
    assert build({"sort": "size"})[0] == ["1", "3", "None"]


def test_a_click_sorts_and_the_next_click_reverses() -> None:
    _, urls = build({"sort": "-size", "other": "kept"})

    assert urls["size"] == "?sort=size&other=kept"
    assert urls["name"] == "?sort=name&other=kept"


def test_rows_that_are_the_first_of_many_are_not_reversed() -> None:
    rows, urls = build({"sort": "-size"}, rows=(9, 8, 7), is_sorted=True)

    assert rows == ["9", "8", "7"]
    assert urls["size"] == "?sort=-size"
