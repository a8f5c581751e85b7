"""Tables of a page: their rows in the order that the URL asks for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from django.http import HttpRequest, QueryDict

from perf.monitoring.dashboard.page import Attempt

# Rows that a table shows at first; a link shows the rest.
MAX_ROWS = 25


@dataclass(frozen=True, slots=True)
class Table:
    """Rows for a template that extends `perf/table.html`.

    Attributes:
        rows: The visible rows.
        hidden: Number of rows that `all_url` shows in addition.
        problem: Why the rows could not be read.
        order: The rows' attribute to sort by, with a minus to descend.
        parameter: The URL's parameter for the order; each table of a page has its own.
        is_sorted: Whether the rows are the first of many in this order, so never reversed.
    """

    rows: list[Any]
    hidden: int
    problem: str
    order: str
    parameter: str
    is_sorted: bool
    query: QueryDict

    @property
    def direction(self) -> str:
        """The order's direction, as ARIA calls it."""
        return "descending" if self.order.startswith("-") else "ascending"

    @property
    def all_url(self) -> str:
        return self._url("all", self.parameter)

    def sort_url(self, name: str, *, descends: bool = True) -> str:
        """Return the URL that sorts by an attribute, or that reverses the present order."""
        if name == self.order.removeprefix("-") and not self.is_sorted:
            descends = not self.order.startswith("-")
        return self._url(self.parameter, f"-{name}" if descends else name)

    def _url(self, parameter: str, value: str) -> str:
        """Return this page's URL with another value of one parameter."""
        query = self.query.copy()
        query[parameter] = value
        return f"?{query.urlencode()}"


def parse_order(order: str | None, names: str, default: str) -> str:
    """Return the URL's order if it is one of the names, with or without a minus; else `default`."""
    return order if order and order.removeprefix("-") in names.split() else default


def build_table(
    request: HttpRequest,
    rows: Iterable[Any] | Attempt[Any],
    names: str,
    *,
    default: str,
    parameter: str = "sort",
    is_sorted: bool = False,
) -> Table:
    """Return the table of `rows`.

    Args:
        rows: The rows, or the attempt to read them.
        names: The attributes to sort by, separated by spaces.
        default: The default order.
    """
    problem = ""
    if isinstance(rows, Attempt):
        problem, rows = rows.problem, rows.value or []
    order = parse_order(request.GET.get(parameter), names, default)
    rows = list(rows) if is_sorted else _sort(rows, order)
    visible = rows if request.GET.get("all") == parameter else rows[:MAX_ROWS]
    hidden = len(rows) - len(visible)
    return Table(visible, hidden, problem, order, parameter, is_sorted, request.GET)


def _sort(rows: Iterable[Any], order: str) -> list[Any]:
    """Sort by an attribute, None last."""
    get = attrgetter(order.removeprefix("-"))
    rows = list(rows)
    with_value = [row for row in rows if get(row) is not None]
    with_value.sort(key=get, reverse=order.startswith("-"))
    return with_value + [row for row in rows if get(row) is None]
