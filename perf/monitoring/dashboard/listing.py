"""Tables of a page: columns that sort by a link, and what stands there when there are no rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest
from django.utils.safestring import SafeString


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a row under a column.

    Attributes:
        url: Where the text leads.
        note: A second, quiet line.
        picture: A drawing beside or in place of the text.
        state: "good", "bad" or "unknown" colours it; empty does not.
    """

    text: str
    url: str = ""
    note: str = ""
    picture: SafeString | None = None
    state: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    Attributes:
        name: What the address calls it.
        show: Makes a row's cell.
        key: What rows are sorted by, None last; a column without it does not sort.
        kind: "number" stands right, "text" left, "code" in a fixed width, "picture" as it is.
        descends: Whether the first click puts the greatest first.
    """

    name: str
    title: str
    show: Callable[[Any], Cell | str]
    key: Callable[[Any], Any] | None = None
    kind: str = "number"
    help: str = ""
    descends: bool = True

    @property
    def is_sortable(self) -> bool:
        return self.key is not None


def named(name: str, title: str, text: Callable[[Any], str]) -> Column:
    """Return a column of words, that a click sorts from A to Z."""
    return Column(name, title, text, key=text, kind="text", descends=False)


def measured(
    name: str,
    title: str,
    value: Callable[[Any], Any],
    write: Callable[[Any], str],
    *,
    help: str = "",
) -> Column:
    """Return a column of figures, that a click sorts from the greatest on."""
    return Column(name, title, lambda one: write(value(one)), key=value, help=help)


@dataclass(frozen=True, slots=True)
class Heading:
    """A column's title; `url` is where a click on it leads, `arrow` how it is sorted now."""

    column: Column
    url: str
    arrow: str


@dataclass(frozen=True, slots=True)
class Listing:
    """A table, ready for `perf/listing.html`.

    Attributes:
        hidden: How many rows are not shown, for which `all_url` asks.
    """

    headings: list[Heading]
    rows: list[list[tuple[Column, Cell]]] = field(default_factory=list)
    empty: str = "There is nothing to show."
    caption: str = ""
    hidden: int = 0
    all_url: str = ""


# As many rows as one looks through; the rest is a click away.
SHOWN = 25


def order_of(asked: str | None, columns: Sequence[Column], default: str) -> tuple[Column, bool]:
    """Return the column to sort by, and whether it descends; `default` for what is no order.

    What is asked for is only ever compared with the names of the columns.
    """
    known = {column.name: column for column in columns if column.is_sortable}
    wanted = asked if asked and asked.removeprefix("-") in known else default
    return known[wanted.removeprefix("-")], wanted.startswith("-")


def listing(
    request: HttpRequest,
    items: Iterable[Any],
    columns: Sequence[Column],
    *,
    default: str,
    empty: str,
    caption: str = "",
    parameter: str = "sort",
    is_sorted: bool = False,
) -> Listing:
    """Return the table of `items` in the order that the address asks for.

    Args:
        default: The order without a usable one: a column's name, with a minus to descend.
        parameter: The address's parameter; two tables of a page have two.
        is_sorted: Whether the items came in this order, the greatest first; they are not all, so
            the other direction would show something else.
    """
    by, descends = order_of(request.GET.get(parameter), columns, default)
    found = list(items)
    if not is_sorted and by.key is not None:
        key = by.key
        valued = [item for item in found if key(item) is not None]
        found = sorted(valued, key=key, reverse=descends) + [i for i in found if key(i) is None]
    headings = []
    for column in columns:
        is_by = column is by
        next_descends = not descends if is_by and not is_sorted else column.descends
        order = f"{'-' if next_descends else ''}{column.name}"
        arrow = ("↓" if descends else "↑") if is_by else ""
        headings.append(Heading(column, _url(request, parameter, order), arrow))
    shown = found if request.GET.get("all") == parameter else found[:SHOWN]
    rows = [[(column, _cell(column.show(item))) for column in columns] for item in shown]
    all_url = _url(request, "all", parameter)
    return Listing(headings, rows, empty, caption, len(found) - len(shown), all_url)


def _url(request: HttpRequest, parameter: str, value: str) -> str:
    """Return this page's address with another value of one parameter."""
    query = request.GET.copy()
    query[parameter] = value
    return f"?{query.urlencode()}"


def _cell(shown: Cell | str) -> Cell:
    return shown if isinstance(shown, Cell) else Cell(shown)
