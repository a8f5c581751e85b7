"""Tables of a page: sortable columns, and a sentence for a table without rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from django.http import HttpRequest
from django.utils.safestring import SafeString

from perf.monitoring.dashboard.formatting import format_number
from perf.monitoring.dashboard.page import Attempt

# Rows that a table shows at first; a link shows the rest.
MAX_ROWS = 25


@dataclass(frozen=True, slots=True)
class Cell:
    """The content of a row in one column.

    Attributes:
        note: A second, smaller line.
        state: "bad" highlights it.
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
        name: The row's attribute, and the order's name in the URL.
        key: Sorts rows, None last; a column without it is not sortable.
        kind: Alignment and font: "number", "text", "code" or "picture".
        descends: Whether the first click sorts the greatest value first.
    """

    name: str
    title: str
    cell: Callable[[Any], Cell | str]
    key: Callable[[Any], Any] | None = None
    kind: str = "number"
    help: str = ""
    descends: bool = True

    @property
    def is_sortable(self) -> bool:
        return self.key is not None


def text_column(
    attribute: str,
    title: str,
    *,
    note: Callable[[Any], str] | None = None,
    url: Callable[[Any], str] | None = None,
) -> Column:
    """Return a column of an attribute's text, sorted from A to Z by the first click."""
    get = attrgetter(attribute)

    def cell(row: Any) -> Cell:
        return Cell(get(row), url=url(row) if url else "", note=note(row) if note else "")

    return Column(attribute, title, cell, key=get, kind="text", descends=False)


def number_column(
    attribute: str,
    title: str,
    format_value: Callable[[Any], str] = format_number,
    *,
    note: Callable[[Any], str] | None = None,
    picture: Callable[[Any], SafeString] | None = None,
    is_bad: Callable[[Any], bool] | None = None,
    help: str = "",
) -> Column:
    """Return a column of an attribute's number, sorted from the greatest by the first click."""
    get = attrgetter(attribute)

    def cell(row: Any) -> Cell:
        return Cell(
            format_value(get(row)),
            note=note(row) if note else "",
            picture=picture(row) if picture else None,
            state="bad" if is_bad and is_bad(row) else "",
        )

    return Column(attribute, title, cell, key=get, help=help)


def is_positive(attribute: str) -> Callable[[Any], bool]:
    """Return a predicate for `is_bad`: the attribute is greater than 0."""
    get = attrgetter(attribute)
    return lambda row: get(row) > 0


@dataclass(frozen=True, slots=True)
class Heading:
    """A column's title with the link that sorts by it; `arrow` shows the present order."""

    column: Column
    url: str
    arrow: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table, ready for `perf/table.html`.

    Attributes:
        empty: The sentence for a table without rows.
        hidden: Number of rows that `all_url` shows in addition.
    """

    headings: list[Heading]
    rows: list[list[tuple[Column, Cell]]]
    empty: str
    caption: str
    hidden: int
    all_url: str


def parse_order(order: str | None, columns: Sequence[Column], default: str) -> tuple[Column, bool]:
    """Return the column to sort by, and whether it descends; `default` for an unknown order.

    The text of the URL is only compared with the names of the columns.
    """
    sortable = {column.name: column for column in columns if column.is_sortable}
    known = order if order and order.removeprefix("-") in sortable else default
    return sortable[known.removeprefix("-")], known.startswith("-")


def build_table(
    request: HttpRequest,
    rows: Iterable[Any] | Attempt[Any],
    columns: Sequence[Column],
    *,
    default: str,
    empty: str,
    caption: str = "",
    parameter: str = "sort",
    is_sorted: bool = False,
) -> Table:
    """Return the table of `rows` in the order that the URL asks for.

    Args:
        rows: The rows, or the attempt to read them, whose problem replaces `empty`.
        default: The default order: a column's name, with a minus to descend.
        parameter: The URL's parameter; each table of a page has its own.
        is_sorted: Whether the rows are the first of many in this order, so never reversed.
    """
    if isinstance(rows, Attempt):
        empty = rows.problem or empty
        rows = rows.value or []
    by, descends = parse_order(request.GET.get(parameter), columns, default)
    rows = list(rows) if is_sorted else _sort(rows, by, descends)
    headings = []
    for column in columns:
        is_current = column is by
        next_descends = not descends if is_current and not is_sorted else column.descends
        order = f"{'-' if next_descends else ''}{column.name}"
        arrow = ("↓" if descends else "↑") if is_current else ""
        headings.append(Heading(column, _url(request, parameter, order), arrow))
    visible = rows if request.GET.get("all") == parameter else rows[:MAX_ROWS]
    return Table(
        headings,
        [[(column, _as_cell(column.cell(row))) for column in columns] for row in visible],
        empty,
        caption,
        len(rows) - len(visible),
        _url(request, "all", parameter),
    )


def _sort(rows: Iterable[Any], by: Column, descends: bool) -> list[Any]:
    rows = list(rows)
    key = by.key
    if key is None:
        return rows
    with_value = [row for row in rows if key(row) is not None]
    return sorted(with_value, key=key, reverse=descends) + [row for row in rows if key(row) is None]


def _url(request: HttpRequest, parameter: str, value: str) -> str:
    """Return this page's URL with another value of one parameter."""
    query = request.GET.copy()
    query[parameter] = value
    return f"?{query.urlencode()}"


def _as_cell(content: Cell | str) -> Cell:
    return content if isinstance(content, Cell) else Cell(content)
