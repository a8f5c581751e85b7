"""The rows of a list that a request selects, and the compiled statements that read them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

from django.db.models import DateTimeField, Model, QuerySet

from morpheus.api.reads import ListRead, Scope
from morpheus.cache.batch_read import read_from_database
from morpheus.cache.cached_reads import is_cache_usable, read
from morpheus.db.compiled_reads import CompiledRead
from morpheus.db.postgresql.times import parse_time
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
        size: How many rows the page has at most; 0 for the keys of all rows.
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
        if not self.size:
            return rows.values_list(*self.key_columns)
        return limit_before_joins(rows, self.size).values_list(*self.columns)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of a row, as of `PageRows`."""
        key: Any = find_model(self.read)._meta.pk
        return tuple(dict.fromkeys([key.name, *self.key_columns, *self.read.columns]))

    @property
    def key_columns(self) -> list[str]:
        """The ordering columns without direction."""
        return [column.removeprefix("-") for column in self.ordering]


@lru_cache(maxsize=COMPILED_MAX)
def compile_page(form: PageForm, around: str = "{}") -> tuple[tuple[str, ...], CompiledRead]:
    """Return the columns of a page's rows, and its read by the values of `PageForm.queryset`.

    Args:
        around: As of `CompiledRead`.
    """
    scope = (int,) * (1 + form.has_reader)
    kinds = (*scope, *form.kinds)
    read = CompiledRead(*kinds, build=form.queryset, unused=len(scope), around=around)
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

    @property
    def model(self) -> type[Model]:
        """The model, for the paginator."""
        return find_model(self.read)

    def page(
        self, ordering: tuple[str, ...], position: Position | None, backwards: bool, size: int
    ) -> tuple[tuple[str, ...], Callable[[], list[Any]]]:
        """Return the columns of a page's rows, and what loads them by 1 query."""
        form, values = self._form(ordering, position, backwards, size)
        columns, read = compile_page(form)
        return columns, lambda: read.rows(*values)

    def keys(
        self, ordering: tuple[str, ...], position: Position | None, around: str, number: int
    ) -> Callable[[], list[Any]]:
        """Return what loads the keys of rows behind a position by 1 query.

        Args:
            around: As of `CompiledRead`; `number` is its parameter.
        """
        form, values = self._form(ordering, position, backwards=False, size=0)
        _, read = compile_page(form, around)
        return lambda: read.rows(*values, numbers=[number])

    def _form(
        self, ordering: tuple[str, ...], position: Position | None, backwards: bool, size: int
    ) -> tuple[PageForm, tuple[Any, ...]]:
        """Return the form of a page, and the values of its SQL."""
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
        return form, (*reader, scope.parent_id, *values)

    def tags(self, ordering: tuple[str, ...]) -> list[str]:
        """Return the tags of a page."""
        filters = self.read.filters
        compared = {filters[name].column: value for name, value in self.filters.items()}
        names = [column.removeprefix("-") for column in ordering]
        return self.read.tags(self.scope, compared, names)

    def cached(
        self, identity: tuple[Any, ...], ordering: tuple[str, ...], load: Callable[[], list[Any]]
    ) -> list[Any]:
        """Return rows from the cache, under the tags of a page, or by `load`."""
        declared, reader_id = self.read, self.scope.reader_id

        def tags(_: object) -> list[str]:
            return self.tags(ordering)

        # The cache may have become usable since whole rows were chosen.
        if declared.is_whole or not is_cache_usable():
            return read_from_database(
                declared.policy, [identity], tags=tags, load=load, reader_id=reader_id
            )
        rows: list[Any] = read(
            declared.policy,
            self.digest(identity),
            tags=tags(identity),
            load=load,
            reader_id=reader_id,
        )
        return rows

    @staticmethod
    def digest(identity: tuple[Any, ...]) -> str:
        """Return the identity of a cached value, whatever its length."""
        return hashlib.sha256(repr(identity).encode()).hexdigest()[:32]

    def parse_key(self, ordering: tuple[str, ...], key: Sequence[Any]) -> tuple[Any, ...]:
        """Return a row's values of the ordering columns with their types."""
        names = [column.removeprefix("-") for column in ordering]
        return tuple(
            get_parser(self.model, name)(value) for name, value in zip(names, key, strict=True)
        )


@cache
def get_parser(model: type[Model], name: str) -> Callable[[Any], Any]:
    """Return the function that makes a column's value of its JSON form."""
    field: Any = model._meta.get_field(name)
    return parse_time if isinstance(field, DateTimeField) else field.to_python
