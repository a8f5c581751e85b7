"""What the API offers, found in the URL configuration: routes, lists, and their combinations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.views import APIView

from morpheus.api.views import MorpheusAPIView
from morpheus.cache.pagination import CachedKeysetPagination
from morpheus.pagination import KeysetPagination

PREFIX = "api/v1/"

# Paginators that read pages otherwise have no queryset.
_READ_ROWS = (KeysetPagination.read, CachedKeysetPagination.read)


@dataclass(frozen=True, slots=True)
class Route:
    """A route of the API.

    Attributes:
        path: As documented, such as `/novels/{novel_id}/`.
        view: The view's class.
    """

    path: str
    view: type[Any]

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.path)

    @property
    def lists_rows(self) -> bool:
        """Whether it pages through the rows of a queryset, in orderings that it declares."""
        return (
            issubclass(self.view, MorpheusAPIView)
            and hasattr(self.view, "orderings")
            and getattr(self.view.pagination_class, "read", None) in _READ_ROWS
        )

    def url(self, values: dict[str, Any]) -> str:
        """Return the URL with these path parameters."""
        return f"/{PREFIX.rstrip('/')}{self.path.format(**values)}"


@dataclass(frozen=True, slots=True)
class Combination:
    """One ordering of one list under some filters; the values are to be filled in, but for `me`.

    Attributes:
        filters: Parameter names to a value for which the view lists other rows, else None.
    """

    route: Route
    ordering: str
    filters: dict[str, str | None] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """Ordering columns, with their signs."""
        return tuple(self.route.view.orderings[self.ordering])

    @property
    def filter_text(self) -> str:
        return " & ".join(f"{name}={value or '…'}" for name, value in self.filters.items()) or "–"

    def __str__(self) -> str:
        return f"{self.route.path} ordering={self.ordering} filter={self.filter_text}"


def api_routes() -> list[Route]:
    """Return every DRF route under the API's prefix, in the order of the URL configuration."""
    return [
        Route("/" + path.removeprefix(PREFIX), view)
        for path, view in _views(get_resolver().url_patterns, "")
        if path.startswith(PREFIX)
    ]


def combinations() -> list[Combination]:
    """Return every combination of ordering and filters that some list serves."""
    lists = (route for route in api_routes() if route.lists_rows)
    return [combination for route in lists for combination in served(route)]


def served(route: Route) -> Iterator[Combination]:
    """Yield what one list serves, by the rules of `morpheus.api.filters.ServedFilters`."""
    filters = getattr(route.view, "filters", {})
    for ordering in route.view.orderings:
        yield Combination(route, ordering)
        for name, function in filters.items():
            for value in (None, *getattr(function, "also", ())):
                yield Combination(route, ordering, {name: value})
    default = next(iter(route.view.orderings))
    for pair in getattr(route.view, "filter_pairs", ()):
        yield Combination(route, default, dict.fromkeys(sorted(pair)))


def _views(patterns: list[Any], before: str) -> Iterator[tuple[str, type[APIView]]]:
    for pattern in patterns:
        path = before + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from _views(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern):
            view = getattr(pattern.callback, "cls", None)
            if view is not None and issubclass(view, APIView):
                yield path, view
