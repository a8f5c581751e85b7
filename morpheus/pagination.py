"""Keyset pagination: pages by row comparison, whose cost does not grow with depth."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core import signing
from django.db.models import F, Lookup, Model, QuerySet
from django.db.models.fields.tuple_lookups import (
    Tuple,
    TupleGreaterThan,
    TupleGreaterThanOrEqual,
    TupleLessThan,
    TupleLessThanOrEqual,
)
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param
from rest_framework.views import APIView

# A column's value as a cursor holds it; times are microseconds since 1970 in a list of one.
Value = int | str | list[int]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Position:
    """A place between two rows.

    Attributes:
        backwards: Whether the page lies before it.
        inclusive: Whether a row with exactly these values belongs to the page.
        values: One per ordering column.
    """

    backwards: bool
    inclusive: bool
    values: tuple[Any, ...]


class KeysetPagination(CursorPagination):
    """DRF's cursor pagination by row comparison, for views that declare their orderings.

    The view has `orderings`, a mapping of what `?ordering=` may say to columns of one direction
    ending in a unique one, such as `{"-created_at": ("-created_at", "-id")}`; the first is the
    default. Columns must be NOT NULL. A view whose list depends on the caller says so by
    `cursor_scope`, which binds its cursors to that caller.
    """

    page_size = 20
    max_page_size = 100
    page_size_query_param = "page_size"
    ordering_query_param = "ordering"

    page: list[Any]
    base_url: str

    def paginate_queryset(
        self, queryset: Any, request: Request, view: APIView | None = None
    ) -> list[Any]:
        """Return one page: one query, `page_size` + 1 rows.

        Raises:
            ValidationError: `page_size`, `ordering` or `cursor` is not one that this list gives.
        """
        self.request = request
        self.base_url = request.build_absolute_uri()
        self.page_size = self._page_size(request)
        name, self.columns = self._ordering(request, view)
        self._salt = self._binding(request, name, str(getattr(view, "cursor_scope", "")))
        cursor = request.query_params.get(self.cursor_query_param)
        self.position = self._decode(cursor) if cursor is not None else None
        backwards = self.position is not None and self.position.backwards
        rows = self.read(queryset, backwards, self.page_size + 1)
        self._more = len(rows) > self.page_size
        self.page = rows[: self.page_size]
        if backwards:
            self.page.reverse()
        return self.page

    def read(self, queryset: Any, backwards: bool, count: int) -> list[Any]:
        """Return `count` rows beyond the position; override it for rows that no queryset gives."""
        return list(self._slice(queryset, backwards)[:count])

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

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Describe the parameters with what this view really takes."""
        parameters = [
            {"name": self.cursor_query_param, "schema": {"type": "string"}},
            {
                "name": self.page_size_query_param,
                "schema": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": self.max_page_size,
                    "default": type(self).page_size,
                },
            },
        ]
        orderings = list(getattr(view, "orderings", ()))
        if len(orderings) > 1:
            schema = {"type": "string", "enum": orderings, "default": orderings[0]}
            parameters.append({"name": self.ordering_query_param, "schema": schema})
        return [{"required": False, "in": "query", **parameter} for parameter in parameters]

    def _page_size(self, request: Request) -> int:
        given = request.query_params.get(self.page_size_query_param, str(type(self).page_size))
        if not (given.isascii() and given.isdigit() and 1 <= int(given[:9]) <= self.max_page_size):
            message = f"Give a whole number from 1 to {self.max_page_size}."
            raise ValidationError({self.page_size_query_param: [message]})
        return int(given)

    def _ordering(self, request: Request, view: Any) -> tuple[str, tuple[str, ...]]:
        orderings: dict[str, tuple[str, ...]] = view.orderings
        name = request.query_params.get(self.ordering_query_param, next(iter(orderings)))
        if name not in orderings:
            message = f"Give one of {', '.join(orderings)}."
            raise ValidationError({self.ordering_query_param: [message]})
        return name, orderings[name]

    def _binding(self, request: Request, ordering: str, scope: str) -> str:
        """Return what a cursor is valid for: this list, its filters, its ordering, its caller."""
        own = {self.cursor_query_param, self.page_size_query_param, self.ordering_query_param}
        filters = sorted(item for item in request.query_params.items() if item[0] not in own)
        return repr((request.path, filters, ordering, scope))

    def _slice(self, queryset: QuerySet[Any], backwards: bool) -> QuerySet[Any]:
        descending = self.columns[0].startswith("-") != backwards
        names = [column.lstrip("-") for column in self.columns]
        signs = {column.startswith("-") for column in self.columns}
        if len(signs) > 1:
            raise ValueError("Ordering columns of one list must have one direction.")
        if self.position is not None:
            queryset = queryset.filter(_beyond(names, self.position, descending))
        return queryset.order_by(*(f"-{name}" if descending else name for name in names))

    def _link(self, backwards: bool, row: Any) -> str:
        if row is not None:
            names = (column.lstrip("-") for column in self.columns)
            position = Position(backwards, False, tuple(_read(row, name) for name in names))
        else:
            # Nothing on this page: its neighbour begins with the row that the cursor names.
            assert self.position is not None  # noqa: S101 - only pages of a cursor can be empty here
            position = Position(backwards, not self.position.inclusive, self.position.values)
        url = remove_query_param(self.base_url, self.cursor_query_param)
        return str(replace_query_param(url, self.cursor_query_param, self._encode(position)))

    def _encode(self, position: Position) -> str:
        flags = position.backwards + 2 * position.inclusive
        payload = [flags, *(_pack(value) for value in position.values)]
        return self._signer().sign_object(payload)

    def _decode(self, cursor: str) -> Position:
        try:
            flags, *values = self._signer().unsign_object(cursor)
            if len(values) != len(self.columns):
                raise ValueError
            return Position(bool(flags & 1), bool(flags & 2), tuple(map(_unpack, values)))
        except Exception as error:  # Signed by us, so anything else is not ours.
            message = "This cursor is not one of this list with these filters and this ordering."
            raise ValidationError({self.cursor_query_param: [message]}) from error

    def _signer(self) -> signing.Signer:
        digest = hashlib.sha256(self._salt.encode()).hexdigest()
        return signing.Signer(salt=f"morpheus.cursor.{digest}", sep=".")


def _beyond(names: list[str], position: Position, descending: bool) -> Any:
    """Return the row comparison that an index on these columns serves as its condition."""
    columns: Any = Tuple(*(F(name) for name in names))
    lookup: type[Lookup[Any]]
    if descending:
        lookup = TupleLessThanOrEqual if position.inclusive else TupleLessThan
    else:
        lookup = TupleGreaterThanOrEqual if position.inclusive else TupleGreaterThan
    return lookup(columns, position.values)


def _read(row: Any, name: str) -> Any:
    return getattr(row, name) if isinstance(row, Model) else row[name]


def _pack(value: Any) -> Value:
    if isinstance(value, datetime):
        delta = value - _EPOCH
        return [(delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds]
    if isinstance(value, int | str):
        return value
    raise TypeError(f"A list cannot be ordered by a {type(value).__name__}.")


def _unpack(value: Value) -> Any:
    if isinstance(value, list):
        return _EPOCH + timedelta(microseconds=value[0])
    return value
