"""The view of a list: filters, cached keyset pages and rendering, as a `ListRead` declares them."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any, cast

from django.db.models import QuerySet
from django.http import HttpResponse
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request

from morpheus.api.counts import count_rows
from morpheus.api.page_jumps import PAGE_PARAMETER, find_row, parse_page
from morpheus.api.reads import BIGINT_MAX, ListFilter, ListRead, PageRows, Scope, list_whole_rows
from morpheus.api.representations import EXPAND, FIELDS
from morpheus.api.selected_rows import SelectedRows, get_parser
from morpheus.api.views import MorpheusAPIView
from morpheus.cache.cached_reads import is_cache_usable
from morpheus.cache.response_keys import read_count_preference
from morpheus.pagination import KeysetPagination, Position

# Parameters that a cursor is not bound to.
_UNBOUND = frozenset({"cursor", "page_size", "ordering", PAGE_PARAMETER, FIELDS, EXPAND})

_PAGE = {
    "name": PAGE_PARAMETER,
    "required": False,
    "in": "query",
    "description": "Number of a page, from 1, in place of a cursor. The links lead on by cursors.",
    "schema": {"type": "integer", "minimum": 1, "maximum": 999_999_999},
}


class ReadFilters(BaseFilterBackend):
    """Describes the filters of the view's `ListRead` in the OpenAPI document."""

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            {
                "name": name,
                "required": False,
                "in": "query",
                "description": each.description,
                "schema": {"type": "string"} | _pattern(each),
            }
            for name, each in view.read.filters.items()
        ]


def _pattern(filter_: ListFilter) -> dict[str, str]:
    if not filter_.pattern:
        return {}
    values = [filter_.pattern] if filter_.own is None else [filter_.own, filter_.pattern]
    return {"pattern": f"^({'|'.join(values)})$"}


class ReadPagination(KeysetPagination):
    """Keyset pages of `SelectedRows`.

    The key of a page consists of what its cursors are bound to (path, parameters, ordering, scope),
    its position, its size and the reader. The rows may depend on nothing else.

    Attributes:
        row_columns: The columns of a row.
    """

    row_columns: tuple[str, ...]

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        page = super().get_paginated_response_schema(schema)
        count = {"type": "integer", "description": "Of all rows; only with `Prefer: count=…`."}
        page["properties"] = {"count": count, **page["properties"]}
        return page

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [*super().get_schema_operation_parameters(view.read), _PAGE]

    def read(self, queryset: SelectedRows, backwards: bool, count: int) -> list[Sequence[Any]]:
        """Return `count` rows beyond the position, from the cache or by one query."""
        self._model = queryset.model
        self.row_columns, load = queryset.page(self.columns, self.position, backwards, count)
        identity = (self.binding, self.position, backwards, count)
        return queryset.cached(identity, self.columns, load)

    def find_position(self, queryset: SelectedRows, request: Request) -> Position | None:
        """Return the position of the cursor, or that of the page's number."""
        if PAGE_PARAMETER not in request.query_params:
            return super().find_position(queryset, request)
        number = parse_page(request.query_params, self.cursor_query_param)
        # A list always has a page size.
        offset = (number - 1) * cast(int, self.page_size)
        return find_row(queryset, self.columns, self.binding, offset)

    def get_unbound_parameters(self) -> Container[str | None]:
        return _UNBOUND

    def get_link_parameters(self) -> dict[str, list[str]]:
        parameters = super().get_link_parameters()
        parameters.pop(PAGE_PARAMETER, None)
        # In one spelling, because the responses to all spellings are stored as one.
        if representation := getattr(self.view, "representation", None):
            parameters |= {name: [text] for name, text in representation.parameters.items()}
        return parameters

    def get_value(self, row: Any, name: str) -> Any:
        """Return a column of a row with its type: cursors hold times, JSON has none."""
        value = row[self.row_columns.index(name)]
        return get_parser(self._model, name)(value)


class ListView(MorpheusAPIView):
    """Base of a list.

    Attributes:
        read: What the list reads.
    """

    read: ListRead
    _selected: SelectedRows
    pagination_class = ReadPagination
    filter_backends = [ReadFilters]
    has_fields = True
    varies_by = ("Authorization", "Cookie", "Prefer")

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
        # A numbered page is found by the keys of its list.
        in_parts = is_cache_usable() or PAGE_PARAMETER in request.query_params
        response = None if in_parts else self._respond_whole(request, parent_id)
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
        self._selected = selected
        rows = paginator.paginate_queryset(selected, self.request, view=self)
        return PageRows(rows, paginator.row_columns, scope)

    def _render(
        self, read: ListRead, page: PageRows, is_public: bool | None = None
    ) -> HttpResponse:
        paginator = cast(ReadPagination, self.paginator)
        body = paginator.build_body(self.represent(read.render(page, self.request)))
        headers = paginator.build_headers(body)
        if (header := self.request.META.get("HTTP_PREFER")) and (
            preference := read_count_preference(header)
        ):
            # Without the joins of `WholeRows`.
            selected = self._selected._replace(read=self.read)
            count = count_rows(selected, paginator.columns, paginator.binding, preference)
            body = {"count": count.rows, **body}
            headers["Preference-Applied"] = f"count={count.applied}"
        if is_public is None:
            is_public = page.scope.reader_id is None
        return self.respond_data(body, is_public=is_public, headers=headers)
