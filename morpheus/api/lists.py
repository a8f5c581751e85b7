"""The view of a list: filters, cached keyset pages and rendering, as a `ListRead` declares them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple, cast

from django.db.models import DateTimeField, Model, QuerySet
from django.http import HttpResponse
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request

from morpheus.api.reads import BIGINT_MAX, ListRead, PageRows, Scope, list_whole_rows
from morpheus.api.views import MorpheusAPIView
from morpheus.cache.batch_read import read_from_database
from morpheus.cache.cached_reads import is_cache_usable, read
from morpheus.db.compiled_reads import CompiledRead
from morpheus.db.postgresql.times import parse_time
from morpheus.pagination import KeysetPagination, Position, limit_before_joins, seek_rows

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

    @property
    def model(self) -> type[Model]:
        """The model, for the paginator."""
        return find_model(self.read)

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


class ReadFilters(BaseFilterBackend):
    """Describes the filters of the view's `ListRead` in the OpenAPI document."""

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            {
                "name": name,
                "required": False,
                "in": "query",
                "description": each.description,
                "schema": {"type": "string"},
            }
            for name, each in view.read.filters.items()
        ]


class ReadPagination(KeysetPagination):
    """Keyset pages of `SelectedRows`.

    The key of a page consists of what its cursors are bound to (path, parameters, ordering, scope),
    its position, its size and the reader. The rows may depend on nothing else.

    Attributes:
        row_columns: The columns of a row.
    """

    row_columns: tuple[str, ...]

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return super().get_schema_operation_parameters(view.read)

    def read(self, queryset: SelectedRows, backwards: bool, count: int) -> list[Sequence[Any]]:
        """Return `count` rows beyond the position, from the cache or by one query."""
        declared, scope = queryset.read, queryset.scope
        self._model = queryset.model
        self.row_columns, load = queryset.page(self.columns, self.position, backwards, count)
        identity = (self.binding, self.position, backwards, count)
        compared = {declared.filters[name].column: each for name, each in queryset.filters.items()}
        ordering = [column.removeprefix("-") for column in self.columns]

        def tags(_: object) -> list[str]:
            return declared.tags(scope, compared, ordering)

        # The cache may have become usable since whole rows were chosen.
        if declared.is_whole or not is_cache_usable():
            return read_from_database(
                declared.policy, [identity], tags=tags, load=load, reader_id=scope.reader_id
            )
        rows: list[Sequence[Any]] = read(
            declared.policy,
            hashlib.sha256(repr(identity).encode()).hexdigest()[:32],
            tags=tags(identity),
            load=load,
            reader_id=scope.reader_id,
        )
        return rows

    def get_value(self, row: Any, name: str) -> Any:
        """Return a column of a row with its type: cursors hold times, JSON has none."""
        value = row[self.row_columns.index(name)]
        return _get_parser(self._model, name)(value)


@cache
def _get_parser(model: type[Model], name: str) -> Callable[[Any], Any]:
    """Return the function that makes a column's value of its JSON form."""
    field: Any = model._meta.get_field(name)
    return parse_time if isinstance(field, DateTimeField) else field.to_python


class ListView(MorpheusAPIView):
    """Base of a list.

    Attributes:
        read: What the list reads.
    """

    read: ListRead
    pagination_class = ReadPagination
    filter_backends = [ReadFilters]

    @property
    def orderings(self) -> Mapping[str, Sequence[str]]:
        """The orderings, for the paginator."""
        return self.read.orderings

    @property
    def cursor_scope(self) -> str:
        """Bind the cursors of a caller's own list to the caller."""
        return str(self.reader_id) if self.read.is_own(self.request.query_params) else ""

    def get_queryset(self) -> QuerySet[Any]:
        """Return the public rows before the filters: the OpenAPI document reads their model."""
        return self.read.rows(Scope(None, next(iter(self.kwargs.values()), 0)))

    def respond_page(self, request: Request, parent_id: int = 0) -> HttpResponse:
        """Return the page that a request selects."""
        response = None if is_cache_usable() else self._respond_whole(request, parent_id)
        return response or self._respond_parts(request, parent_id)

    def _respond_whole(self, request: Request, parent_id: int) -> HttpResponse | None:
        """Return the page by 1 query; None if the parent's page is empty, as for no parent."""
        read = list_whole_rows(self.read)
        if read is None or parent_id > BIGINT_MAX:
            return None
        if read.parent is None:
            scope = read.scope(request.query_params, self.reader_id)
            return self._render(read, self._read_page(read, scope))
        page = self._read_page(read, Scope(self.reader_id, parent_id))
        if not page.rows:
            return None
        is_public = page.rows[0][page.columns.index("is_public")]
        return self._render(read, page, is_public=is_public)

    def _respond_parts(self, request: Request, parent_id: int) -> HttpResponse:
        """Return the page from the parts that the cache has."""
        read = self.read
        scope = read.scope(request.query_params, self.reader_id, parent_id)
        page = self._read_page(read, scope)
        if not page.rows and read.parent is not None and scope.reader_id is None:
            # A parent that became private after it was read hides its rows. Its owner sees them.
            scope = read.scope(request.query_params, self.reader_id, parent_id)
            page = self._read_page(read, scope)
        return self._render(read, page)

    def _read_page(self, read: ListRead, scope: Scope) -> PageRows:
        paginator = cast(ReadPagination, self.paginator)
        selected = SelectedRows(read, scope, read.parse_filters(self.request.query_params))
        rows = paginator.paginate_queryset(selected, self.request, view=self)
        return PageRows(rows, paginator.row_columns, scope)

    def _render(
        self, read: ListRead, page: PageRows, is_public: bool | None = None
    ) -> HttpResponse:
        paginator = cast(ReadPagination, self.paginator)
        body = paginator.build_body(read.render(page, self.request))
        if is_public is None:
            is_public = page.scope.reader_id is None
        return self.respond_data(body, is_public=is_public, headers=paginator.build_headers(body))
