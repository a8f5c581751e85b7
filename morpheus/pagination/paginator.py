"""DRF's cursor pagination by row comparison: a page costs the same at any depth."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from functools import cached_property, reduce
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.utils.encoding import escape_uri_path
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response

from morpheus.pagination import cursors
from morpheus.pagination.columns import (
    add_missing_columns,
    add_primary_key,
    refuse_null,
    resolve_columns,
)
from morpheus.pagination.cursors import CursorSigner, Position
from morpheus.pagination.django_internals import limit_before_joins
from morpheus.pagination.seek import seek_rows


class KeysetPagination(CursorPagination):
    """Cursor pagination whose cursors name values of all ordering columns.

    Attributes that a view may have:

    - `orderings`: the values of `?ordering=`, mapped to columns that end in a unique one, such as
      `{"-created_at": ("-created_at", "-id")}`; the first is the default. Without it, the ordering
      is that of the view's `OrderingFilter` or of the class, with the primary key added.
    - `cursor_scope`: a text that binds cursors to a caller, for lists that depend on the caller.

    Rows may be instances, dictionaries of `values()`, or named tuples that have the ordering
    columns. Columns must be NOT NULL and compare exactly. Directions may be mixed if the index has
    the same. A walk meets every row that exists throughout exactly once, in either direction,
    whatever is added or deleted meanwhile. Lists are never counted.

    Differences from DRF's class: any number of equal values; a `page_size` outside 1 to
    `max_page_size` is 400; a cursor is signed and valid for its list, filters, ordering and scope
    only; a bad one is 400, not 404. docs/pagination.md has the whole list.
    """

    max_page_size: int | None = 100
    page_size_query_param: str | None = "page_size"
    ordering_query_param = "ordering"
    invalid_cursor_message = "Invalid cursor for this list, its filters and its ordering."

    view: Any
    page: list[Any]
    binding: list[Any]
    _first: Any
    _last: Any
    _aliases: dict[str, str]

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> Any:
        """Return one page: one query, `page_size` + 1 rows. Return None without a page size.

        The last page of a list that an annotation orders costs a second query: no row was NULL.

        Raises:
            ValidationError: `page_size`, `ordering` or `cursor` is not one of this list.
        """
        self._begin(queryset, request, view)
        if not self.page_size:
            return None
        backwards = self.position is not None and self.position.backwards
        rows = self.read(queryset, backwards, self.page_size + 1)
        has_more = len(rows) > self.page_size
        page = rows[: self.page_size]
        if backwards:
            page.reverse()
        self._first, self._last = (page[0], page[-1]) if page else (None, None)
        self.page = [self._hide_aliases(row) for row in page] if self._aliases else page
        self.has_next = backwards or has_more
        self.has_previous = has_more if backwards else self.position is not None
        if self._computed and not self.has_next:
            refuse_null(queryset, self._computed)
        # DRF's browsable API reads this.
        has_neighbour = self.has_next or self.has_previous
        self.display_page_controls = has_neighbour and self.template is not None
        return self.page

    @cached_property
    def base_url(self) -> str:  # type: ignore[override] # DRF sets an attribute
        """The URL of the request without parameters; a page without neighbours needs none."""
        request = self.request
        return f"{request.scheme}://{request.get_host()}{escape_uri_path(request.path)}"

    def read(self, queryset: Any, backwards: bool, count: int) -> list[Any]:
        """Return `count` rows beyond the position; override it for rows that no queryset reads."""
        queryset, self._aliases = add_missing_columns(queryset, self.columns)
        return list(limit_before_joins(self.slice(queryset, backwards), count))

    def is_beyond(self, place: tuple[Any, ...], backwards: bool) -> bool:
        """Return whether a row with these values is beyond the position of a descending list."""
        if self.position is None:
            return True
        if place == self.position.values:
            return self.position.inclusive
        return (place > self.position.values) == backwards

    def slice(self, queryset: QuerySet[Any], backwards: bool) -> QuerySet[Any]:
        """Return the rows beyond the position in the order in which they are read."""
        return seek_rows(queryset, self.columns, self.position, backwards)

    def get_value(self, row: Any, name: str) -> Any:
        """Return a row's value of an ordering column, which may be a path to another table."""
        name = self._aliases.get(name, name)
        return row[name] if isinstance(row, dict) else reduce(getattr, name.split("__"), row)

    def get_next_link(self) -> str | None:
        """Return the URL of the page after this one, None on the last."""
        return self._link(False, self._last) if self.has_next else None

    def get_previous_link(self) -> str | None:
        """Return the URL of the page before this one, None on the first."""
        return self._link(True, self._first) if self.has_previous else None

    def get_paginated_response(self, data: Any) -> Response:
        """Return the page with its neighbours, in the body and as RFC 8288 `Link` header."""
        body = self.build_body(data)
        return Response(body, headers=self.build_headers(body))

    def build_body(self, data: Any) -> dict[str, Any]:
        """Return the page with the URLs of its neighbours."""
        return {
            "next": self.get_next_link(),
            "previous": self.get_previous_link(),
            "results": data,
        }

    @staticmethod
    def build_headers(body: Mapping[str, Any]) -> dict[str, str]:
        """Return the `Link` header for a body, if the page has neighbours."""
        links = (("next", body["next"]), ("prev", body["previous"]))
        header = ", ".join(f'<{url}>; rel="{rel}"' for rel, url in links if url)
        return {"Link": header} if header else {}

    def get_page_size(self, request: Request) -> int | None:
        """Return the page size that the client chose, or the default.

        Raises:
            ValidationError: It is not from 1 to `max_page_size`.
        """
        name, most = self.page_size_query_param, self.max_page_size or self.page_size
        if not name or name not in request.query_params:
            return self.page_size
        text = request.query_params[name]
        # At most 9 digits: a very long number is slow to read, and a ValueError from 4,301 on.
        is_number = text.isascii() and text.isdigit() and len(text) <= 9
        # One spelling for each size, so that one page has one URL.
        if not is_number or text[0] == "0" or int(text) > (most or int(text)):
            limit = f"from 1 to {most}" if most else "above 0"
            raise ValidationError({name: [f"Give a whole number {limit}."]})
        return int(text)

    def get_ordering(self, request: Request, queryset: Any, view: Any) -> tuple[str, ...]:
        """Return the ordering of the view's `OrderingFilter` or, without one, of the class."""
        backends = getattr(view, "filter_backends", ())
        ordering_filter = next((each for each in backends if hasattr(each, "get_ordering")), None)
        chosen = ordering_filter and ordering_filter().get_ordering(request, queryset, view)
        ordering: str | Sequence[str] = chosen or self.ordering
        return (ordering,) if isinstance(ordering, str) else tuple(ordering)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Describe the parameters with the values that this view accepts."""
        parameters: list[dict[str, Any]] = super().get_schema_operation_parameters(view)
        for parameter in parameters:
            if parameter["name"] == self.page_size_query_param:
                limits = {
                    "maximum": self.max_page_size or self.page_size,
                    "default": self.page_size,
                }
                known = {name: value for name, value in limits.items() if value}
                parameter["schema"] |= {"minimum": 1, **known}
        if orderings := list(getattr(view, "orderings", ())):
            schema = {"type": "string", "enum": orderings, "default": orderings[0]}
            name = self.ordering_query_param
            parameters.append({"name": name, "required": False, "in": "query", "schema": schema})
        return parameters

    def _begin(self, queryset: Any, request: Request, view: Any) -> None:
        """Read the request."""
        self.request, self.view = request, view
        self.page_size = self.get_page_size(request)
        columns = self._choose_columns(request, view, queryset)
        model: Any = getattr(queryset, "model", None)
        self.columns, self._computed = resolve_columns(model, columns)
        self._aliases = {}
        self.binding = self.get_binding(request, view)
        self._signer = CursorSigner(self.binding)
        self.position = self.find_position(queryset, request)

    def _choose_columns(self, request: Request, view: Any, queryset: Any) -> tuple[str, ...]:
        orderings: Mapping[str, Sequence[str]] | None = getattr(view, "orderings", None)
        if not orderings:
            model = getattr(queryset, "model", None)
            return add_primary_key(model, self.get_ordering(request, queryset, view))
        name = request.query_params.get(self.ordering_query_param, next(iter(orderings)))
        if name not in orderings:
            message = f"Give one of {', '.join(orderings)}."
            raise ValidationError({self.ordering_query_param: [message]}, "invalid_choice")
        return tuple(orderings[name])

    def find_position(self, queryset: Any, request: Request) -> Position | None:
        """Return the position that the request names, None for the first page."""
        cursor = request.query_params.get(self.cursor_query_param)
        if cursor is None:
            return None
        try:
            return cursors.decode(cursor, self._signer, len(self.columns))
        except cursors.BadCursor as error:
            errors = {self.cursor_query_param: [self.invalid_cursor_message]}
            raise ValidationError(errors, "invalid_cursor") from error

    def get_unbound_parameters(self) -> Container[str | None]:
        """Return the parameters that are not part of what a cursor is valid for."""
        return (self.cursor_query_param, self.page_size_query_param, self.ordering_query_param)

    def get_link_parameters(self) -> dict[str, list[str]]:
        """Return the parameters that links keep."""
        return dict(self.request.query_params.lists())

    def get_binding(self, request: Request, view: Any) -> list[Any]:
        """Return what a cursor is valid for: this list, its filters, its ordering, its caller."""
        own = self.get_unbound_parameters()
        filters = sorted(item for item in request.query_params.lists() if item[0] not in own)
        return [request.path, filters, self.columns, str(getattr(view, "cursor_scope", ""))]

    def _link(self, backwards: bool, row: Any) -> str:
        if row is not None:
            values = tuple(self.get_value(row, column.removeprefix("-")) for column in self.columns)
            position = Position(backwards, False, values)
        else:
            # The page is empty: its neighbour begins with the row that the cursor names.
            assert self.position is not None  # noqa: S101 - only a cursor leads to an empty page
            position = Position(backwards, not self.position.inclusive, self.position.values)
        name, cursor = self.cursor_query_param, cursors.encode(position, self._signer)
        params = {**self.get_link_parameters(), name: [cursor]}
        # A cursor has no character to encode.
        is_alone = len(params) == 1
        query = f"{name}={cursor}" if is_alone else urlencode(sorted(params.items()), doseq=True)
        return f"{self.base_url}?{query}"

    def _hide_aliases(self, row: Any) -> Any:
        """Return a row as its queryset describes it, without the columns that cursors need."""
        if not isinstance(row, dict):
            return row
        names = self._aliases.values()
        return {name: value for name, value in row.items() if name not in names}
