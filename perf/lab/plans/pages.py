"""The statements of a list's pages: the second, the deepest, and the way back from there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlencode

from perf.lab.plans.capture import Statement, get
from perf.lab.plans.explain import Plan, explain
from perf.lab.plans.samples import NoSample, Sample, sample
from perf.monitoring.list_routes import Combination

PAGE_SIZE = 20


@dataclass(frozen=True, slots=True)
class Pages:
    """The plans of one combination's pages.

    Attributes:
        size: Rows per page; fewer than 20 where the data has no list of four such pages.
    """

    combination: Combination
    size: int
    second: Plan
    deepest: Plan
    back: Plan

    @property
    def plans(self) -> dict[str, Plan]:
        return {"second": self.second, "deepest": self.deepest, "back": self.back}


@dataclass(frozen=True, slots=True)
class Asked:
    """What reads the pages of one combination, by the names of pages, and for whom."""

    size: int
    user_id: int | None
    statements: dict[str, Statement]


def pages(combination: Combination) -> Pages:
    """Request the pages by the view's own code, and explain what it asks: some ten requests.

    Raises:
        NoSample: The data has no list of four rows or more.
    """
    found = asked(combination)
    plans = {name: explain(one, found.user_id) for name, one in found.statements.items()}
    return Pages(combination, found.size, **plans)


def asked(combination: Combination) -> Asked:
    """Request the pages by the view's own code, and return what it asks.

    Raises:
        NoSample: The data has no list of four rows or more.
    """
    values = sample(combination)
    size = min(PAGE_SIZE, len(last_keys(combination, values, 4 * PAGE_SIZE)) // 4)
    if not size:
        raise NoSample("no list has four rows")
    user_id = None if values.user is None else values.user.pk
    return Asked(size, user_id, dict(_statements(combination, values, size)))


def _statements(
    combination: Combination, values: Sample, size: int
) -> Iterator[tuple[str, Statement]]:
    """Yield the names of pages and the statements that read them."""
    route = combination.route
    start = first_url(combination, values, size)
    first, _ = get(route.view, start, values.path, values.user)
    # A list of the last two pages alone gives the cursor between them, which the whole list takes.
    last, _ = get(tail_view(combination, 2 * size), start, values.path, values.user)
    _, statements = get(route.view, first.data["next"], values.path, values.user)
    yield "second", page_statement(statements, size)
    deepest, statements = get(route.view, last.data["next"], values.path, values.user)
    if deepest.data["next"] is not None:
        raise AssertionError(f"{combination}: the last page has a next one")
    yield "deepest", page_statement(statements, size)
    _, statements = get(route.view, deepest.data["previous"], values.path, values.user)
    yield "back", page_statement(statements, size)


def first_url(combination: Combination, values: Sample, size: int) -> str:
    """Return the URL of the list's first page."""
    query = values.query | {"page_size": str(size)}
    return f"{combination.route.url(values.path)}?{urlencode(query)}"


def page_statement(statements: list[Statement], size: int) -> Statement:
    """Return the statement that reads a page and the row after it."""
    ordered = re.compile(rf"ORDER BY [^()]+ LIMIT {size + 1}\b")
    found = [one for one in statements if ordered.search(one.sql)]
    if len(found) != 1:
        raise AssertionError(f"Not one statement reads the page, but {len(found)}: {statements}")
    return found[0]


def last_keys(combination: Combination, values: Sample, count: int) -> list[Any]:
    """Return the primary keys of the last rows, the very last first."""
    view = tail_view(combination, count)
    url = f"{combination.route.url(values.path)}?{urlencode(values.query)}"
    get(view, url, values.path, values.user)
    return cast("list[Any]", vars(view)["last"])


def tail_view(combination: Combination, count: int) -> type[Any]:
    """Return the view with its list cut down to its last rows, whose keys it keeps in `last`."""
    view: Any = combination.route.view

    class Tail(view):  # type: ignore[misc] # found at run time
        last: list[Any] = []

        def filter_queryset(self, queryset: Any) -> Any:
            rows = super().filter_queryset(queryset)
            keys = rows.order_by(*combination.columns).reverse().values_list("pk", flat=True)
            type(self).last = list(keys[:count])
            return rows.filter(pk__in=type(self).last)

    return Tail
