"""Whether all give the same answer: only then are their figures of the same thing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

import orjson

from perf.lab.offload.client import Connection

from .contestants import CONTESTANTS
from .routes import Route


def differences(ports: Mapping[str, int], routes: Sequence[Route]) -> Iterator[str]:
    """Ask everybody for everything, twice; yield a sentence for each answer unlike ours.

    Compared is what is shown: an object whole, of a list its rows. Ways to the next page, and a
    count, are each one's own. The second answer is that of a cache.

    Raises:
        BadAnswer: It is not 200.
    """
    for route in routes:
        expected = shown(ports["ours"], route)
        if route.rows and len(expected) != route.rows:
            yield f"{route.path}: {len(expected)} rows instead of {route.rows}."
        for one in CONTESTANTS:
            for time in ("first", "second"):
                found = shown(ports[one.name], route)
                if found != expected:
                    where = _where(expected, found)
                    yield f"{route.path}: the {time} answer of {one.name} differs{where}."


def shown(port: int, route: Route) -> Any:
    """Return the rows of a list, or the object."""
    with closing(Connection(port)) as connection:
        answer = connection.exchange("GET", route.path, {}).require_ok()
    body = orjson.loads(answer.body)
    return body["results"] if route.rows else body


def _where(expected: Any, found: Any, path: str = "") -> str:
    """Return the first place where two values differ, and both."""
    if isinstance(expected, dict) and isinstance(found, dict) and expected.keys() == found.keys():
        pairs = [(f"{path}.{name}", expected[name], found[name]) for name in expected]
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = [
            (f"{path}[{n}]", *pair) for n, pair in enumerate(zip(expected, found, strict=True))
        ]
    else:
        return f" at {path or 'the top'}: {expected!r:.80}, {found!r:.80}"
    name, left, right = next(pair for pair in pairs if pair[1] != pair[2])
    return _where(left, right, name)
