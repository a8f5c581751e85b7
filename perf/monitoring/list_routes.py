"""The API's routes and lists, from the URL configuration and the declarations of the lists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.views import APIView

from morpheus.api.lists import ListView
from morpheus.api.reads import ListRead, Scope
from morpheus.events.views import EventStreamView

PREFIX = "api/v1/"


@dataclass(frozen=True, slots=True)
class Route:
    """A route of the API, by its documented path, such as `/novels/{novel_id}/`."""

    path: str
    view: type[Any]

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.path)

    @property
    def lists_rows(self) -> bool:
        """Whether it pages through the rows of a queryset."""
        return issubclass(self.view, ListView)

    @property
    def read(self) -> ListRead:
        """The declaration of a list."""
        read: ListRead = self.view.read
        return read

    def url(self, values: dict[str, Any]) -> str:
        """Return the URL with these path parameters."""
        return f"/{PREFIX.rstrip('/')}{self.path.format(**values)}"


@dataclass(frozen=True, slots=True)
class Combination:
    """One ordering of one list with some filters; their values are filled in later, except `me`.

    Attributes:
        filters: Parameter names to the value that selects the caller's own rows, else None.
    """

    route: Route
    ordering: str
    filters: dict[str, str | None] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """Ordering columns, with their signs."""
        return self.route.read.orderings[self.ordering]

    @property
    def filter_columns(self) -> list[str]:
        """The columns that the filters compare."""
        return [self.route.read.filters[name].column for name in self.filters]

    @property
    def rows(self) -> Any:
        """The rows before the filters, for the user 1 if they are the caller's own."""
        return self.route.read.rows(Scope(reader_id=1 if self.is_own else None))

    @property
    def is_own(self) -> bool:
        """Whether the rows are the caller's own."""
        return self.route.read.is_private or any(self.filters.values())

    @property
    def filter_text(self) -> str:
        return " & ".join(f"{name}={value or '…'}" for name, value in self.filters.items()) or "–"

    def __str__(self) -> str:
        return f"{self.route.path} ordering={self.ordering} filter={self.filter_text}"


def list_api_routes() -> list[Route]:
    """Return every DRF route under the API's prefix, in the order of the URL configuration.

    Without event streams: another process has them, and they have no end that could be timed.
    """
    return [
        Route("/" + path.removeprefix(PREFIX), view)
        for path, view in _views(get_resolver().url_patterns, "")
        if path.startswith(PREFIX) and not issubclass(view, EventStreamView)
    ]


def list_combinations() -> list[Combination]:
    """Return every combination of ordering and filters that some list serves."""
    lists = (route for route in list_api_routes() if route.lists_rows)
    return [combination for route in lists for combination in list_combinations_of(route)]


def list_combinations_of(route: Route) -> Iterator[Combination]:
    """Yield what one list serves: each filter in each ordering, and pairs in the default one."""
    read = route.read
    for ordering in read.orderings:
        yield Combination(route, ordering)
        for name, filter_ in read.filters.items():
            yield Combination(route, ordering, {name: None})
            if filter_.own is not None:
                yield Combination(route, ordering, {name: filter_.own})
    for pair in read.filter_pairs:
        yield Combination(route, read.default_ordering, dict.fromkeys(sorted(pair)))


def _views(patterns: list[Any], before: str) -> Iterator[tuple[str, type[APIView]]]:
    for pattern in patterns:
        path = before + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from _views(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern):
            view = getattr(pattern.callback, "cls", None)
            if view is not None and issubclass(view, APIView):
                yield path, view
