"""The SQL condition «beyond this position», in a form that an index on the columns serves."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from django.db.models import BigIntegerField, F, Lookup, Q, QuerySet, Value
from django.db.models.expressions import Col
from django.db.models.fields.tuple_lookups import (
    Tuple,
    TupleExact,
    TupleGreaterThan,
    TupleGreaterThanOrEqual,
    TupleLessThan,
    TupleLessThanOrEqual,
)
from django.db.models.lookups import Exact
from django.db.models.sql.where import AND

from morpheus.pagination.cursors import Position
from morpheus.pagination.joining import reads_one_table


def beyond(columns: Sequence[str], position: Position) -> Any:
    """Return the condition for rows after `position` in the order of `columns`.

    Args:
        columns: As for `order_by`, already turned around when going backwards.
        position: One value per column.

    Columns of one direction are one row comparison, `(a, b) < (x, y)`, which is an index condition
    as it stands. Where directions differ it is `a <= x AND (a < x OR (a = x AND b > y))`: the first
    part, redundant for logic, is the index condition, and the rest filters no more rows than share
    the value `x`. The index must have the same directions: `(a DESC, b ASC)`.
    """
    runs = _runs(columns, position.values)
    condition = _after(*runs[-1], inclusive=position.inclusive)
    for names, values, descending in reversed(runs[:-1]):
        tie = Q(_exactly(names, values)) & Q(condition)
        bound = _after(names, values, descending, inclusive=True)
        beyond_tie = _after(names, values, descending, inclusive=False)
        condition = Q(bound) & (Q(beyond_tie) | tie)
    return condition


def compared(queryset: QuerySet[Any]) -> dict[str, Any]:
    """Return the listed table's columns that a queryset compares for equality, with the values."""
    table = queryset.model._meta.db_table
    return {
        each.lhs.target.name: each.rhs
        for each in queryset.query.where.children
        if isinstance(each, Exact) and isinstance(each.lhs, Col) and each.lhs.alias == table
    }


def compares_only(queryset: QuerySet[Any]) -> bool:
    """Tell whether all that a queryset asks for is in `compared`: no other condition, no column."""
    query = queryset.query
    where = query.where
    return (
        reads_one_table(queryset)
        and not (where.negated or query.annotations or query.extra)
        and where.connector == AND
        and len(compared(queryset)) == len(where.children)
    )


Run = tuple[list[str], tuple[Any, ...], bool]


def _runs(columns: Sequence[str], values: Sequence[Any]) -> list[Run]:
    """Return neighbouring columns of one direction together: names, values, is descending."""
    pairs = zip(columns, values, strict=True)
    runs: list[Run] = []
    for descending, group in groupby(pairs, key=lambda pair: pair[0].startswith("-")):
        members = list(group)
        names = [column.removeprefix("-") for column, _ in members]
        runs.append((names, tuple(value for _, value in members), descending))
    return runs


def _after(
    names: Sequence[str], values: tuple[Any, ...], descending: bool, *, inclusive: bool
) -> Any:
    lookup: type[Lookup[Any]]
    if descending:
        lookup = TupleLessThanOrEqual if inclusive else TupleLessThan
    else:
        lookup = TupleGreaterThanOrEqual if inclusive else TupleGreaterThan
    return lookup(_tuple(names), [_Unforeseen(value) for value in values])


class _Unforeseen(Value):
    """A value that the planner does not look at.

    From a position at the end of an ordering it expects next to no rows. It would then take the
    index of the ordering alone for a list with a filter, and read past the rows of other lists.
    """

    def _resolve_output_field(self) -> Any:
        # Django takes any whole number for one of four bytes, and psycopg sends it as such.
        return BigIntegerField() if type(self.value) is int else super()._resolve_output_field()  # type: ignore[misc]

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        text, params = super().as_sql(compiler, connection)
        return f"(SELECT {text})", params


def _exactly(names: Sequence[str], values: tuple[Any, ...]) -> Any:
    return TupleExact(_tuple(names), values)


def _tuple(names: Sequence[str]) -> Any:
    return Tuple(*(F(name) for name in names))
