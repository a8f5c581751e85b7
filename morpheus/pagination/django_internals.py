"""Every use of a private part of Django in this package; `test_django_internals.py` pins them.

Three things have no public form: row comparison (`Tuple` and its lookups), a subquery in FROM
(`BaseTable`, `alias_map`), and reading what a queryset selects and compares (`Query`, `Col`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import BigIntegerField, F, Lookup, QuerySet, Value
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
from django.db.models.query import ModelIterable, ValuesIterable
from django.db.models.sql import Query
from django.db.models.sql.datastructures import BaseTable


class OpaqueValue(Value):
    """A value that the planner cannot see.

    For a value at the end of an ordering the planner expects next to no rows. It would then choose
    the index of the ordering alone for a list with a filter, and read past the rows of other lists.
    """

    def _resolve_output_field(self) -> Any:
        # Django takes every integer for one of four bytes, and psycopg sends it as such.
        return BigIntegerField() if type(self.value) is int else super()._resolve_output_field()  # type: ignore[misc]

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        text, params = super().as_sql(compiler, connection)
        return f"(SELECT {text})", params


class DerivedTable(BaseTable):
    """A subquery in the place and under the name of the table that its rows are from.

    `FROM (SELECT … FROM "novel" … LIMIT 21) "novel" JOIN …`
    """

    def __init__(self, table_name: str, alias: str | None, rows: Query) -> None:
        super().__init__(table_name, alias)
        self.rows = rows

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        sql, params = compiler.compile(self.rows)
        return f"{sql} {compiler.quote_name_unless_alias(self.table_alias)}", params

    def relabeled_clone(self, change_map: dict[str | None, str]) -> DerivedTable:
        alias = change_map.get(self.table_alias, self.table_alias)
        return DerivedTable(self.table_name, alias, self.rows)


def compare_rows(
    names: Sequence[str], values: tuple[Any, ...], *, descending: bool, inclusive: bool
) -> Any:
    """Return the condition `(a, b) > (x, y)`, or `<` if descending, or with equality."""
    lookup: type[Lookup[Any]]
    if descending:
        lookup = TupleLessThanOrEqual if inclusive else TupleLessThan
    else:
        lookup = TupleGreaterThanOrEqual if inclusive else TupleGreaterThan
    return lookup(_row(names), [OpaqueValue(value) for value in values])


def equal_rows(names: Sequence[str], values: tuple[Any, ...]) -> Any:
    """Return the condition `(a, b) = (x, y)`."""
    return TupleExact(_row(names), values)


def limit_before_joins(rows: QuerySet[Any], count: int) -> QuerySet[Any]:
    """Return the first `count` ordered rows, limited in their own table before it is joined.

    When the planner expects few rows it joins them all and sorts them, whatever the limit: an owner
    with 500 comics would cost a thousand buffers a page. Where nothing is joined, or a filter needs
    the join, this returns the plain query.
    """
    if not rows.query.select_related or not reads_one_table(rows):
        return rows[:count]
    # All columns: PostgreSQL does not unpack those that the outer query does not select.
    limited = rows.select_related(None).prefetch_related(None).defer(None)[:count].query
    limited.subquery = True
    joined = rows.all()
    query = joined.query
    # The subquery has the conditions; the outer query needs none.
    query.clear_where()
    alias = query.get_initial_alias()
    query.alias_map[alias] = DerivedTable(query.alias_map[alias].table_name, alias, limited)
    return joined


def reads_one_table(rows: QuerySet[Any]) -> bool:
    """Tell whether filters, ordering and annotations neither join, group nor combine."""
    query = rows.query
    tables = [alias for alias, uses in query.alias_refcount.items() if uses]
    return (
        len(tables) <= 1
        and query.group_by is None
        and not (query.distinct or query.combinator or query.is_sliced or query.extra_tables)
        and not query.get_meta().parents
    )


def equality_conditions(queryset: QuerySet[Any]) -> dict[str, Any]:
    """Return the listed table's columns that a queryset compares for equality, with the values."""
    table = queryset.model._meta.db_table
    return {
        node.lhs.target.name: node.rhs
        for node in queryset.query.where.children
        if isinstance(node, Exact) and isinstance(node.lhs, Col) and node.lhs.alias == table
    }


def get_selected_names(queryset: Any) -> set[str] | None:
    """Return the keys of rows of `values()` or `values_list()`; None for model instances."""
    if getattr(queryset, "_fields", None) is None:
        return None
    query = queryset.query
    return {*query.values_select, *query.annotation_select, *query.extra_select}


def can_select_more(queryset: QuerySet[Any]) -> bool:
    """Tell whether a further column changes neither the rows nor their form."""
    query = queryset.query
    is_open = issubclass(queryset._iterable_class, ModelIterable | ValuesIterable)
    return is_open and query.group_by is None and not (query.distinct or query.combinator)


def _row(names: Sequence[str]) -> Any:
    return Tuple(*(F(name) for name in names))
