"""DRF's cursor pagination by row comparison: a page costs the same at any depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db.models import Model, QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from morpheus.pagination import cursors
from morpheus.pagination.cursors import CursorSigner, Position
from morpheus.pagination.django_internals import limit_before_joins
from morpheus.pagination.seek import seek_rows


class KeysetPagination(CursorPagination):
    """Cursor pagination whose cursors name values of all ordering columns.

    What a view may have:

    - `orderings`: what `?ordering=` may say, mapped to columns that end in a unique one, such as
      `{"-created_at": ("-created_at", "-id")}`; the first is the default. Without it the class's
      `ordering` is used, with the primary key added.
    - `cursor_scope`: a text that binds cursors to a caller, for lists that depend on who asks.

    Columns must be NOT NULL and compare exactly. Directions may be mixed if the index has the same.
    A walk meets every row that exists during all of it exactly once, in either direction, whatever
    is added or deleted meanwhile. Lists are never counted.

    Differences from DRF's class: any number of equal values; nothing is unlimited; a cursor is
    signed and valid for its list, filters, ordering and scope only; a bad one is 400, not 404.
    """

    page_size = 20
    max_page_size = 100
    page_size_query_param = "page_size"
    ordering_query_param = "ordering"
    invalid_cursor_message = (
        "This cursor is not one of this list with these filters and this ordering."
    )

    page: list[Any]
    base_url: str

    def paginate_queryset(
        self, queryset: Any, request: Request, view: APIView | None = None
    ) -> list[Any]:
        """Return one page: one query, `page_size` + 1 rows.

        Raises:
            ValidationError: `page_size`, `ordering` or `cursor` is not one that this list gives.
        """
        self._begin(queryset, request, view)
        backwards = self.position is not None and self.position.backwards
        rows = self.read(queryset, backwards, self.page_size + 1)
        self._more = len(rows) > self.page_size
        self.page = rows[: self.page_size]
        if backwards:
            self.page.reverse()
        # DRF's browsable API asks this.
        self.display_page_controls = self._more or self.position is not None
        return self.page

    def get_link_after(self, row: Any, queryset: Any, request: Request, view: APIView) -> str:
        """Return the URL of the page after `row` of the list that `request` asks for: no query."""
        self._begin(queryset, request, view)
        return self._link(False, row)

    def read(self, queryset: Any, backwards: bool, count: int) -> list[Any]:
        """Return `count` rows beyond the position; override it for rows that no queryset gives."""
        return list(limit_before_joins(self.slice(queryset, backwards), count))

    def slice(self, queryset: QuerySet[Any], backwards: bool) -> QuerySet[Any]:
        """Return the rows beyond the position in the order in which they are read."""
        return seek_rows(queryset, self.columns, self.position, backwards)

    def get_value(self, row: Any, name: str) -> Any:
        """Return a column of a row: of an instance (also of a related one) or of a dictionary."""
        if isinstance(row, Model):
            return reduce(getattr, name.split("__"), row)
        return row[name]

    def get_next_link(self) -> str | None:
        """Return the URL of the page after this one, None on the last."""
        if self.position is None or not self.position.backwards:
            return self._link(False, self.page[-1]) if self._more else None
        # Going back: the rows that we came from follow.
        return self._link(False, self.page[-1] if self.page else None)

    def get_previous_link(self) -> str | None:
        """Return the URL of the page before this one, None on the first."""
        if self.position is None:
            return None
        if self.position.backwards:
            return self._link(True, self.page[0]) if self._more else None
        return self._link(True, self.page[0] if self.page else None)

    def get_paginated_response(self, data: Any) -> Response:
        """Return the page with its neighbours, in the body and as RFC 8288 `Link` header."""
        links = {"next": self.get_next_link(), "prev": self.get_previous_link()}
        header = ", ".join(f'<{url}>; rel="{rel}"' for rel, url in links.items() if url)
        return Response(
            {"next": links["next"], "previous": links["prev"], "results": data},
            headers={"Link": header} if header else {},
        )

    def get_page_size(self, request: Request) -> int:
        """Return what the client asks for.

        Raises:
            ValidationError: It is not from 1 to `max_page_size`.
        """
        name, default, most = self.page_size_query_param, type(self).page_size, self.max_page_size
        given = request.query_params.get(name, str(default)) if name else str(default)
        # Few digits first: a very long number is slow to read, and a ValueError from 4,301 on.
        is_number = given.isascii() and given.isdigit() and len(given) <= 9
        # One spelling for each size, so that one page has one URL.
        if not (is_number and given[0] != "0" and int(given) <= (most or default)):
            raise ValidationError({name: [f"Give a whole number from 1 to {most or default}."]})
        return int(given)

    def get_orderings(self, view: Any, queryset: Any) -> Mapping[str, Sequence[str]]:
        """Return what `?ordering=` may say, by name; the first is the default."""
        if orderings := getattr(view, "orderings", None):
            return orderings  # type: ignore[no-any-return]
        columns = [self.ordering] if isinstance(self.ordering, str) else [*self.ordering]
        last = columns[-1]
        if last.removeprefix("-") not in ("pk", "id"):
            columns.append("-pk" if last.startswith("-") else "pk")
        return {",".join(columns): columns}

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Describe the parameters with what this view really takes."""
        parameters = [{"name": self.cursor_query_param, "schema": {"type": "string"}}]
        if self.page_size_query_param:
            default = type(self).page_size
            most = self.max_page_size or default
            schema = {"type": "integer", "minimum": 1, "maximum": most, "default": default}
            parameters.append({"name": self.page_size_query_param, "schema": schema})
        orderings = list(getattr(view, "orderings", ()))
        if orderings:
            schema = {"type": "string", "enum": orderings, "default": orderings[0]}
            parameters.append({"name": self.ordering_query_param, "schema": schema})
        return [{"required": False, "in": "query", **parameter} for parameter in parameters]

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Describe a page as OpenAPI 3.1 does: both links are always there and may be null."""
        link = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {"next": link, "previous": dict(link), "results": schema},
        }

    def _begin(self, queryset: Any, request: Request, view: Any) -> None:
        """Read what is asked for."""
        self.request = request
        self.base_url = request.build_absolute_uri()
        self.page_size = self.get_page_size(request)
        self.columns = self._columns(request, view, queryset)
        self._signer = CursorSigner(self._binding(request, view))
        self.position = self._position(request)

    def _columns(self, request: Request, view: Any, queryset: Any) -> tuple[str, ...]:
        orderings = self.get_orderings(view, queryset)
        name = request.query_params.get(self.ordering_query_param, next(iter(orderings)))
        if name not in orderings:
            message = f"Give one of {', '.join(orderings)}."
            raise ValidationError({self.ordering_query_param: [message]})
        columns = tuple(orderings[name])
        for column in columns:
            _refuse_nullable(queryset, column.removeprefix("-"))
        return columns

    def _position(self, request: Request) -> Position | None:
        cursor = request.query_params.get(self.cursor_query_param)
        if cursor is None:
            return None
        try:
            return cursors.decode(cursor, self._signer, len(self.columns))
        except cursors.BadCursor as error:
            problem = {self.cursor_query_param: [self.invalid_cursor_message]}
            raise ValidationError(problem) from error

    def _binding(self, request: Request, view: Any) -> list[Any]:
        """Return what a cursor is valid for: this list, its filters, its ordering, its caller."""
        own = {self.cursor_query_param, self.page_size_query_param, self.ordering_query_param}
        filters = sorted(item for item in request.query_params.lists() if item[0] not in own)
        return [request.path, filters, self.columns, str(getattr(view, "cursor_scope", ""))]

    def _link(self, backwards: bool, row: Any) -> str:
        if row is not None:
            values = tuple(self.get_value(row, column.removeprefix("-")) for column in self.columns)
            position = Position(backwards, False, values)
        else:
            # Nothing on this page: its neighbour begins with the row that the cursor names.
            assert self.position is not None  # noqa: S101 - only pages of a cursor can be empty here
            position = Position(backwards, not self.position.inclusive, self.position.values)
        cursor = cursors.encode(position, self._signer)
        return str(replace_query_param(self.base_url, self.cursor_query_param, cursor))


def _refuse_nullable(queryset: Any, name: str) -> None:
    """Refuse a column that may be NULL: a row comparison loses such rows without a word."""
    model = getattr(queryset, "model", None)
    if model is None:
        return
    try:
        nullable = model._meta.get_field(name).null
    except FieldDoesNotExist:  # An annotation, a path to another table, or `pk`.
        return
    if nullable:
        raise ImproperlyConfigured(f"{model.__name__}.{name} may be NULL; it cannot order a list.")
