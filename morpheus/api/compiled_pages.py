"""Pages of lists whose SQL is compiled once for all pages of the same form."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from django.db.models import Model, QuerySet

from morpheus.db.compiled_reads import KINDS, CompiledRead
from morpheus.django_internals.django import get_select_related
from morpheus.pagination import (
    Position,
    equality_conditions,
    has_only_equality_conditions,
    limit_before_joins,
    seek_rows,
)

# As many as a connection keeps prepared, because clients choose page size, ordering and filters.
COMPILED_MAX = 500


class Page(NamedTuple):
    """A page of any list: its order, direction, size and columns."""

    ordering: tuple[str, ...]
    backwards: bool
    size: int
    columns: tuple[str, ...]

    def select(self, rows: QuerySet[Any], position: Position | None) -> QuerySet[Any]:
        """Return the columns of the rows beyond a position."""
        rows = seek_rows(rows, self.ordering, position, self.backwards)
        return limit_before_joins(rows, self.size).values_list(*self.columns)


class PageForm(NamedTuple):
    """Everything that the SQL of a page depends on.

    Attributes:
        flags: Boolean conditions, whose values are part of the SQL.
        compared: Columns of equality conditions, with the types of their values.
        position: Types of the values of the page's position.
        inclusive: Whether the page includes the row at the position.
    """

    model: type[Model]
    related: Any
    flags: tuple[tuple[str, bool], ...]
    compared: tuple[tuple[str, type], ...]
    position: tuple[type, ...] | None
    inclusive: bool
    page: Page

    def queryset(self, *values: Any) -> QuerySet[Any]:
        """Return the page for the values of `compared`, followed by those of the position."""
        rows: QuerySet[Any] = self.model._default_manager.filter(**dict(self.flags))
        for (name, _), value in zip(self.compared, values, strict=False):
            rows = rows.filter(**{name: value})
        if self.related:
            rows = rows.select_related(*self.related)
        position = None
        if self.position is not None:
            beyond = values[len(self.compared) :]
            position = Position(self.page.backwards, self.inclusive, beyond)
        return self.page.select(rows, position)


def load_page_rows(
    queryset: QuerySet[Any], position: Position | None, page: Page
) -> list[tuple[Any, ...]]:
    """Return the rows of a page: 1 query.

    A queryset with other conditions than equality is compiled each time.
    """
    conditions = equality_conditions(queryset)
    values = {name: value for name, value in conditions.items() if type(value) is not bool}
    beyond = position.values if position is not None else ()
    kinds = [type(value) for value in (*values.values(), *beyond)]
    related = get_select_related(queryset)
    if (
        related is True
        or not has_only_equality_conditions(queryset)
        or not KINDS.keys() >= {*kinds}
    ):
        return list(page.select(queryset, position))
    form = PageForm(
        model=queryset.model,
        related=tuple(related) if related else (),
        flags=tuple((name, value) for name, value in conditions.items() if name not in values),
        compared=tuple(zip(values, kinds, strict=False)),
        position=tuple(kinds[len(values) :]) if position is not None else None,
        inclusive=position is not None and position.inclusive,
        page=page,
    )
    return _compile(form).rows(*values.values(), *beyond)


@lru_cache(maxsize=COMPILED_MAX)
def _compile(form: PageForm) -> CompiledRead:
    kinds = [kind for _, kind in form.compared]
    return CompiledRead(*kinds, *(form.position or ()), build=form.queryset)
