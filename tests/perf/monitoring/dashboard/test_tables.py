"""Tables: sorting by the orders of the URL."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.test import RequestFactory

from perf.monitoring.dashboard.tables import build_table, parse_order


def build(
    query: dict[str, str], sizes: tuple[int | None, ...] = (3, None, 1), **options: Any
) -> tuple[list[int | None], dict[str, str]]:
    rows = [SimpleNamespace(name=str(size), size=size) for size in sizes]
    request = RequestFactory().get("/", query)
    table = build_table(request, rows, "name size", default="-size", **options)
    urls = {"name": table.sort_url("name", descends=False), "size": table.sort_url("size")}
    return [row.size for row in table.rows], urls


@pytest.mark.parametrize(
    "order", [None, "", "-", "--size", "picture", "key", "size ", "__class__", "size;--", "\x00"]
)
def test_an_unknown_order_is_the_default(order: str | None) -> None:
    assert parse_order(order, "name size", "-size") == "-size"


def test_missing_values_are_last_in_both_directions() -> None:
    assert build({"sort": "-size"})[0] == [3, 1, None]
    assert build({"sort": "size"})[0] == [1, 3, None]


def test_a_click_sorts_and_the_next_click_reverses() -> None:
    _, urls = build({"sort": "-size", "other": "kept"})

    assert urls["size"] == "?sort=size&other=kept"
    assert urls["name"] == "?sort=name&other=kept"


def test_rows_that_are_the_first_of_many_are_not_reversed() -> None:
    rows, urls = build({"sort": "-size"}, sizes=(9, 8, 7), is_sorted=True)

    assert rows == [9, 8, 7]
    assert urls["size"] == "?sort=-size"
