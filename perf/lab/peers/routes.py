"""The routes that are compared, and whether all contestants give the same response."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from perf.lab.example_requests import HttpRequest, example
from perf.lab.example_rows import largest_rows
from perf.lab.harness.http_client import Connection
from perf.lab.harness.servers import Servers

from .contestants import CONTESTANTS, OURS

PANELS = 50


@dataclass(frozen=True)
class Route:
    """A GET; `rows` is the length of the list in its response, 0 for an object."""

    name: str
    request: HttpRequest
    rows: int = 0


def make_routes() -> list[Route]:
    """Return requests for rows of this database.

    Raises:
        CommandError: Seed first.
    """
    values = largest_rows().values

    def build(route: str, **query: object) -> HttpRequest:
        return example(route).build(values, query=query)

    return [
        Route("list", build("GET /novels/"), rows=20),
        Route("detail", build("GET /novels/{novel_id}/")),
        Route("panels", build("GET /comics/{comic_id}/panels/", page_size=PANELS), rows=PANELS),
        Route("status", build("GET /novels/{novel_id}/status/")),
    ]


def find_differences(servers: Mapping[str, Servers], routes: Sequence[Route]) -> Iterator[str]:
    """Send each request twice to all contestants; yield a sentence for each different response.

    An object is compared whole, a list by its rows: links and counts are each contestant's own.
    The second response comes from a cache.

    Raises:
        BadResponse: The status is not 200.
    """
    for route in routes:
        expected = _read_rows(servers[OURS.name], route)
        if route.rows and len(expected) != route.rows:
            yield f"{route.request.path}: {len(expected)} rows instead of {route.rows}."
        for contestant in CONTESTANTS:
            for time in ("first", "second"):
                rows = _read_rows(servers[contestant.name], route)
                if rows != expected:
                    where = describe_difference(expected, rows)
                    yield (
                        f"{route.request.path}: the {time} response of {contestant.name} "
                        f"differs{where}."
                    )


def _read_rows(server: Servers, route: Route) -> Any:
    """Return the rows of a list, or the object."""
    with closing(Connection(server.ports[0])) as connection:
        body = connection.exchange(route.request).require_ok().json
    return body["results"] if route.rows else body


def describe_difference(expected: Any, actual: Any, path: str = "") -> str:
    """Return the first place where two values differ, and both."""
    if isinstance(expected, dict) and isinstance(actual, dict) and expected.keys() == actual.keys():
        pairs = [(f"{path}.{name}", expected[name], actual[name]) for name in expected]
    elif isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        pairs = [
            (f"{path}[{n}]", *pair) for n, pair in enumerate(zip(expected, actual, strict=True))
        ]
    else:
        return f" at {path or 'the top'}: {expected!r:.80}, {actual!r:.80}"
    name, left, right = next(pair for pair in pairs if pair[1] != pair[2])
    return describe_difference(left, right, name)
