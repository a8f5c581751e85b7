"""The routes that are compared, and whether all contestants give the same response."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from django.core.management.base import CommandError
from django.db import connection

from perf.lab.example_catalogue import example
from perf.lab.example_requests import HttpRequest
from perf.lab.harness.http_client import Connection

from .contestants import OURS, Contestant
from .running import Runner

PANELS = 50
# Public novels and comics, the largest first, so that a cost per row shows.
_NOVELS = "SELECT id FROM novels_novel WHERE is_public ORDER BY chapter_count DESC, id LIMIT %s"
_COMICS = """
SELECT id FROM comics_comic WHERE is_public AND panel_count >= %s
ORDER BY panel_count DESC, id LIMIT %s
"""


@dataclass(frozen=True)
class Route:
    """A GET of one or several rows.

    Attributes:
        requests: Sent in turn.
        rows: Length of the list in a response, 0 for an object.
        pages: Pages of the list, found by its own links; the request is that of the first.
    """

    name: str
    requests: tuple[HttpRequest, ...]
    rows: int = 0
    pages: int = 1


@dataclass(frozen=True)
class Reading:
    """What one contestant gives for a route: its requests, and the rows or objects of each."""

    requests: list[HttpRequest]
    contents: list[Any]


def make_routes(count: int) -> list[Route]:
    """Return routes with up to `count` requests each, for rows of this database.

    Raises:
        CommandError: Seed first.
    """
    novels, comics = _select(_NOVELS, count), _select(_COMICS, PANELS, count)

    def build(
        route: str, name: str, ids: Sequence[int], **query: object
    ) -> tuple[HttpRequest, ...]:
        return tuple(example(route).build({name: pk}, query=query) for pk in ids)

    panels = build("GET /comics/{comic_id}/panels/", "comic_id", comics, page_size=PANELS)
    return [
        Route("list", (example("GET /novels/").build({}, query={}),), rows=20, pages=count),
        Route("detail", build("GET /novels/{novel_id}/", "novel_id", novels)),
        Route("panels", panels, rows=PANELS),
        Route("status", build("GET /novels/{novel_id}/status/", "novel_id", novels)),
    ]


def _select(statement: str, *parameters: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        ids = [pk for (pk,) in cursor.fetchall()]
    if not ids:
        raise CommandError("There is nothing to read: run `manage.py seed` first.")
    return ids


def read_route(runner: Runner, route: Route) -> Reading:
    """Send each request of a route once, with the headers of the contestant.

    A list ends before a page that is not full, unless that is its first.

    Raises:
        BadResponse: The status is not 200.
    """
    reading = Reading([], [])
    waiting = [replace(each, headers={**each.headers, **runner.headers}) for each in route.requests]
    with closing(Connection(runner.server.ports[0])) as opened:
        while waiting:
            request = waiting.pop(0)
            body = opened.exchange(request).require_ok().json
            content = body["results"] if route.rows else body
            if reading.requests and len(content) < route.rows:
                break
            reading.requests.append(request)
            reading.contents.append(content)
            if len(reading.requests) < route.pages and body["next"]:
                url = urlsplit(body["next"])
                waiting.append(replace(request, path=f"{url.path}?{url.query}"))
    return reading


def find_differences(
    runners: Mapping[Contestant, Runner], routes: Sequence[Route]
) -> Iterator[str]:
    """Send each request twice to all contestants; yield a sentence for each different response.

    An object is compared whole, a list by its rows: links and counts are each contestant's own.
    The second response comes from a cache.

    Raises:
        BadResponse: The status is not 200.
    """
    for route in routes:
        expected = read_route(runners[OURS], route)
        if route.rows and len(expected.contents[0]) != route.rows:
            rows = len(expected.contents[0])
            yield f"{route.requests[0].path}: {rows} rows instead of {route.rows}."
        for contestant, runner in runners.items():
            for time in ("first", "second"):
                yield from _compare(
                    f"the {time} response of {contestant.name}", expected, runner, route
                )


def _compare(title: str, expected: Reading, runner: Runner, route: Route) -> Iterator[str]:
    actual = read_route(runner, route)
    if len(actual.contents) != len(expected.contents):
        yield f"{route.name}: {title} is the last of {len(actual.contents)} pages."
    pairs = zip(actual.requests, expected.contents, actual.contents, strict=False)
    for request, ours, theirs in pairs:
        if ours != theirs:
            yield f"{request.path}: {title} differs{describe_difference(ours, theirs)}."
            return


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
