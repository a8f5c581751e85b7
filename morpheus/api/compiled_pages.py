"""Pages of lists whose SQL is compiled once for all pages of the same form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from django.db.models import Model, QuerySet

from morpheus.api.reads import ListRead, Scope
from morpheus.db.compiled_reads import CompiledRead
from morpheus.pagination import Position, limit_before_joins, seek_rows

# As many as a connection keeps prepared, because clients choose page size, ordering and filters.
COMPILED_MAX = 500


class PageForm(NamedTuple):
    """Everything that the SQL of a page depends on, apart from values.

    Attributes:
        has_reader: Whether the scope has a reader.
        filters: The filters that have a value, by name.
        kinds: The types of the values of filters and position.
        inclusive: Whether the page includes the row at the position; None without a position.
        size: How many rows the page has at most.
    """

    read: ListRead
    has_reader: bool
    filters: tuple[str, ...]
    kinds: tuple[type, ...]
    ordering: tuple[str, ...]
    backwards: bool
    inclusive: bool | None
    size: int

    def queryset(self, *values: Any) -> QuerySet[Any]:
        """Return the page for the scope's reader and parent, the filters and the position."""
        remaining = iter(values)
        scope = Scope(next(remaining) if self.has_reader else None, next(remaining))
        rows = self.read.rows(scope)
        for name in self.filters:
            rows = self.read.filters[name].narrow_rows(rows, next(remaining))
        position = None
        if self.inclusive is not None:
            position = Position(self.backwards, self.inclusive, tuple(remaining))
        rows = seek_rows(rows, self.ordering, position, self.backwards)
        return limit_before_joins(rows, self.size).values_list(*self.columns)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of a row, as of `PageRows`."""
        ordering = [column.removeprefix("-") for column in self.ordering]
        key: Any = find_model(self.read)._meta.pk
        return tuple(dict.fromkeys([key.name, *ordering, *self.read.columns]))


@lru_cache(maxsize=COMPILED_MAX)
def compile_page(form: PageForm) -> tuple[tuple[str, ...], CompiledRead]:
    """Return the columns of a page's rows, and its read by the values of `PageForm.queryset`."""
    scope = (int,) * (1 + form.has_reader)
    read = CompiledRead(*scope, *form.kinds, build=form.queryset, unused=len(scope))
    return form.columns, read


@lru_cache(maxsize=COMPILED_MAX)
def find_model(read: ListRead) -> type[Model]:
    """Return the model of a list's rows."""
    return read.rows(Scope()).model


class SelectedRows(NamedTuple):
    """The rows of a list that a request selects, before they are cut into pages.

    Attributes:
        filters: The values of filters, by name.
    """

    read: ListRead
    scope: Scope
    filters: Mapping[str, Any]

    def page(
        self, ordering: tuple[str, ...], position: Position | None, backwards: bool, size: int
    ) -> tuple[tuple[str, ...], Callable[[], list[Any]]]:
        """Return the columns of a page's rows, and what loads them by 1 query."""
        scope, filters = self.scope, self.filters
        values = (*filters.values(), *(() if position is None else position.values))
        form = PageForm(
            read=self.read,
            has_reader=scope.reader_id is not None,
            filters=(*filters,),
            kinds=(*map(type, values),),
            ordering=ordering,
            backwards=backwards,
            inclusive=None if position is None else position.inclusive,
            size=size,
        )
        reader = () if scope.reader_id is None else (scope.reader_id,)
        columns, read = compile_page(form)
        return columns, lambda: read.rows(*reader, scope.parent_id, *values)
