"""The view of a list: filters, cached keyset pages and rendering, as a `ListRead` declares them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request
from rest_framework.response import Response

from morpheus.api.compiled_pages import Page, load_page_rows
from morpheus.api.reads import ListRead, Row, Scope
from morpheus.api.views import MorpheusAPIView
from morpheus.cache.cached_reads import read
from morpheus.cache.policies import CachePolicy
from morpheus.pagination import KeysetPagination, equality_conditions


class ReadFilters(BaseFilterBackend):
    """Applies the filters of the view's `ListRead`, and describes them in the OpenAPI document."""

    def filter_queryset(
        self, request: Request, queryset: QuerySet[Any], view: Any
    ) -> QuerySet[Any]:
        return view.read.filter(queryset, request.query_params)  # type: ignore[no-any-return]

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


@dataclass(frozen=True, slots=True)
class CachedRows:
    """A queryset, and how its pages are cached.

    Attributes:
        columns: What a row has beside its primary key and the ordering columns; of types that JSON
            has. The queryset selects the tables of columns such as `image__width`.
        tags: Returns the tags of a page, from the ordering columns without direction.
        reader_id: The user whose rows they are; None if they are public.
    """

    queryset: QuerySet[Any]
    columns: tuple[str, ...]
    policy: CachePolicy
    tags: Callable[[Sequence[str]], list[str]]
    reader_id: int | None


class ReadPagination(KeysetPagination):
    """Keyset pages of `CachedRows`, as dictionaries of columns; `pk` is the primary key.

    The key of a page consists of what its cursors are bound to (path, parameters, ordering, scope),
    its position, its size and the reader. The rows may depend on nothing else.
    """

    _cached: CachedRows

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return super().get_schema_operation_parameters(view.read)

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> Any:
        """Return one page of `CachedRows`."""
        self._cached, self._view = queryset, view
        return super().paginate_queryset(self._cached.queryset, request, view)

    def read(self, queryset: QuerySet[Any], backwards: bool, count: int) -> list[Row]:
        """Return `count` rows beyond the position, from the cache or by one query."""
        cached = self._cached
        ordering = [column.removeprefix("-") for column in self.columns]
        key: Any = queryset.model._meta.pk
        names = tuple(dict.fromkeys([key.name, *ordering, *cached.columns]))
        page = Page(self.columns, backwards, count, names)

        values = read(
            cached.policy,
            self._page_key(backwards, count),
            tags=cached.tags(ordering),
            load=lambda: load_page_rows(queryset, self.position, page),
            reader_id=cached.reader_id,
        )
        # The first name is the primary key's.
        return [dict(zip((*names, "pk"), (*row, row[0]), strict=True)) for row in values]

    def get_value(self, row: Any, name: str) -> Any:
        """Return a column of a row with its type: cursors hold times, JSON has none."""
        if not isinstance(row, dict):
            return super().get_value(row, name)
        field: Any = self._cached.queryset.model._meta.get_field(name)
        return field.to_python(row[name])

    def _page_key(self, backwards: bool, count: int) -> str:
        binding = (self.get_binding(self.request, self._view), self.position, backwards, count)
        return hashlib.sha256(repr(binding).encode()).hexdigest()[:32]


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

    def respond_page(self, request: Request, parent_id: int = 0) -> Response:
        """Return the page that a request selects."""
        scope, rows = self._read_page(request, parent_id)
        if not rows and self.read.parent is not None and scope.reader_id is None:
            # A parent that became private after it was read hides its rows. Its owner sees them.
            scope, rows = self._read_page(request, parent_id)
        response = self.get_paginated_response(self.read.render(rows, scope, request))
        return self.set_visibility(response, is_public=scope.reader_id is None)

    def _read_page(self, request: Request, parent_id: int) -> tuple[Scope, list[Row]]:
        scope = self.read.scope(request.query_params, self.reader_id, parent_id)
        rows = self.filter_queryset(self.read.rows(scope))
        equal = equality_conditions(rows)
        cached: Any = CachedRows(
            rows,
            self.read.columns,
            self.read.policy,
            lambda ordering: self.read.tags(scope, equal, ordering),
            scope.reader_id,
        )
        page: Any = self.paginate_queryset(cached)
        return scope, page
