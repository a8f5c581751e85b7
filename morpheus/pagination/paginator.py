"""DRF's cursor pagination by row comparison: a page costs the same at any depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import ImproperlyConfigured
from django.db.models import QuerySet
from django.utils.encoding import escape_uri_path
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response

from morpheus.pagination import cursors
from morpheus.pagination.cursors import CursorSigner, Position
from morpheus.pagination.django_internals import compare_rows, limit_before_joins


class KeysetPagination(CursorPagination):
    """Cursor pagination whose cursors name values of all ordering columns.

    Attributes of a view:

    - `orderings`: the values of `?ordering=`, mapped to columns of one direction that end in a
      unique one, such as `{"-created_at": ("-created_at", "-id")}`; the first is the default.
    - `cursor_scope`: a text that binds cursors to a caller, for lists that depend on the caller.

    Rows have the ordering columns as attributes or, as dictionaries, as keys. Columns must be NOT
    NULL and compare exactly. A walk meets every row that exists throughout exactly once, in either
    direction, whatever is added or deleted meanwhile. Lists are never counted.

    Differences from DRF's class: any number of equal values; a `page_size` outside 1 to
    `max_page_size` is 400; a cursor is signed and valid for its list, filters, ordering and scope
    only; a bad one is 400, not 404. docs/pagination.md has the whole list.
    """

    page_size: int
    max_page_size = 100
    page_size_query_param = "page_size"
    ordering_query_param = "ordering"
    invalid_cursor_message = "Invalid cursor for this list, its filters and its ordering."

    binding: list[Any]
    _first: Any
    _last: Any

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> Any:
        """Return one page: one query, `page_size` + 1 rows.

        Raises:
            ValidationError: `page_size`, `ordering` or `cursor` is not one of this list.
        """
        self.request = request
        self.page_size = self.get_page_size(request)
        self.columns = self._choose_columns(request, view)
        self.binding = self.get_binding(request, view)
        self._signer = CursorSigner(self.binding)
        self.position = self._decode_position(request)
        backwards = self.position is not None and self.position.backwards
        rows = self.read(queryset, backwards, self.page_size + 1)
        has_more = len(rows) > self.page_size
        page = rows[: self.page_size]
        if backwards:
            page.reverse()
        self._first, self._last = (page[0], page[-1]) if page else (None, None)
        self.has_next = backwards or has_more
        self.has_previous = has_more if backwards else self.position is not None
        return page

    @cached_property
    def base_url(self) -> str:  # type: ignore[override] # DRF sets an attribute
        """The URL of the request without parameters; a page without neighbours needs none."""
        request = self.request
        return f"{request.scheme}://{request.get_host()}{escape_uri_path(request.path)}"

    def read(self, queryset: Any, backwards: bool, count: int) -> list[Any]:
        """Return `count` rows beyond the position; override it for rows that no queryset reads."""
        rows = seek_rows(queryset, self.columns, self.position, backwards)
        return list(limit_before_joins(rows, count))

    def is_beyond(self, place: tuple[Any, ...], backwards: bool) -> bool:
        """Return whether a row with these values is beyond the position of a descending list."""
        if self.position is None:
            return True
        if place == self.position.values:
            return self.position.inclusive
        return (place > self.position.values) == backwards

    def get_value(self, row: Any, name: str) -> Any:
        """Return a row's value of an ordering column."""
        return row[name] if isinstance(row, dict) else getattr(row, name)

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

    def get_page_size(self, request: Request) -> int:
        """Return the page size that the client chose, or the default.

        Raises:
            ValidationError: It is not from 1 to `max_page_size`.
        """
        name = self.page_size_query_param
        if name not in request.query_params:
            return self.page_size
        text = request.query_params[name]
        # At most 9 digits: a very long number is slow to read, and a ValueError from 4,301 on.
        is_number = text.isascii() and text.isdigit() and len(text) <= 9
        # One spelling for each size, so that one page has one URL.
        if not is_number or text[0] == "0" or int(text) > self.max_page_size:
            message = f"Give a whole number from 1 to {self.max_page_size}."
            raise ValidationError({name: [message]})
        return int(text)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Describe the parameters with the values that this view accepts."""
        parameters: list[dict[str, Any]] = super().get_schema_operation_parameters(view)
        for parameter in parameters:
            if parameter["name"] == self.page_size_query_param:
                limits = {"minimum": 1, "maximum": self.max_page_size, "default": self.page_size}
                parameter["schema"] |= limits
        schema = {
            "type": "string",
            "enum": [*view.orderings],
            "default": next(iter(view.orderings)),
        }
        name = self.ordering_query_param
        return [*parameters, {"name": name, "required": False, "in": "query", "schema": schema}]

    def _choose_columns(self, request: Request, view: Any) -> tuple[str, ...]:
        orderings: Mapping[str, Sequence[str]] = view.orderings
        name = request.query_params.get(self.ordering_query_param, next(iter(orderings)))
        if name not in orderings:
            message = f"Give one of {', '.join(orderings)}."
            raise ValidationError({self.ordering_query_param: [message]})
        return tuple(orderings[name])

    def _decode_position(self, request: Request) -> Position | None:
        cursor = request.query_params.get(self.cursor_query_param)
        if cursor is None:
            return None
        try:
            return cursors.decode(cursor, self._signer, len(self.columns))
        except cursors.BadCursor as error:
            errors = {self.cursor_query_param: [self.invalid_cursor_message]}
            raise ValidationError(errors) from error

    def get_binding(self, request: Request, view: Any) -> list[Any]:
        """Return what a cursor is valid for: this list, its filters, its ordering, its caller."""
        own = {self.cursor_query_param, self.page_size_query_param, self.ordering_query_param}
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
        params = {**dict(self.request.query_params.lists()), name: [cursor]}
        # A cursor has no character to encode.
        is_alone = len(params) == 1
        query = f"{name}={cursor}" if is_alone else urlencode(sorted(params.items()), doseq=True)
        return f"{self.base_url}?{query}"


def seek_rows(
    queryset: QuerySet[Any], columns: Sequence[str], position: Position | None, backwards: bool
) -> QuerySet[Any]:
    """Return the rows beyond a position, all rows for None, in the order in which to read them.

    The condition is one row comparison, `(a, b) < (x, y)`, which an index on the columns serves.

    Raises:
        ImproperlyConfigured: The columns have two directions, or one of them may be NULL. A row
            comparison would lose rows silently.
    """
    names = [column.removeprefix("-") for column in columns]
    directions = {column.startswith("-") for column in columns}
    nullable = [name for name in names if queryset.model._meta.get_field(name).null]
    if len(directions) > 1 or nullable:
        reason = f"{', '.join(nullable)} may be NULL" if nullable else "its directions differ"
        raise ImproperlyConfigured(f"{', '.join(columns)} cannot order a list: {reason}.")
    descending = directions.pop() != backwards
    if position is not None:
        queryset = queryset.filter(
            compare_rows(
                names, position.values, descending=descending, inclusive=position.inclusive
            )
        )
    return queryset.order_by(*(f"-{name}" if descending else name for name in names))
