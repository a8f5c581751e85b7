"""The rows beyond a position, by a condition that an index on the ordering columns serves."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import groupby
from typing import Any

from django.db.models import Q, QuerySet

from morpheus.pagination.cursors import Position
from morpheus.pagination.django_internals import compare_rows, equal_rows


def seek_rows(
    queryset: QuerySet[Any], columns: Sequence[str], position: Position | None, backwards: bool
) -> QuerySet[Any]:
    """Return the rows beyond a position, all rows for None, in the order in which to read them."""
    if backwards:
        columns = [reverse_column(column) for column in columns]
    if position is not None:
        queryset = queryset.filter(build_seek_condition(columns, position))
    return queryset.order_by(*columns)


def reverse_column(column: str) -> str:
    """Return an ordering column in the other direction."""
    return column[1:] if column.startswith("-") else f"-{column}"


def build_seek_condition(columns: Sequence[str], position: Position) -> Any:
    """Return the condition for rows after `position` in the order of `columns`.

    Args:
        columns: As for `order_by`, already reversed when the page lies before the position.
        position: One value per column.

    Columns of one direction are one row comparison, `(a, b) < (x, y)`, which is an index condition
    as it stands. Mixed directions are `a <= x AND (a < x OR (a = x AND b > y))`: the first part is
    redundant for logic and serves as index condition; the rest filters only rows that share the
    value `x`. The index must have the same directions: `(a DESC, b ASC)`.
    """
    pairs = zip(columns, position.values, strict=True)
    runs = [(key, [*run]) for key, run in groupby(pairs, lambda pair: pair[0].startswith("-"))]
    condition: Any = None
    for descending, run in reversed(runs):
        names = [column.removeprefix("-") for column, _ in run]
        values = tuple(value for _, value in run)
        compare = partial(compare_rows, names, values, descending=descending)
        if condition is None:
            condition = compare(inclusive=position.inclusive)
        else:
            tie = Q(equal_rows(names, values)) & Q(condition)
            condition = Q(compare(inclusive=True)) & (Q(compare(inclusive=False)) | tie)
    return condition
