"""A walk through a whole list over HTTP, one page after the other, with its times."""

from __future__ import annotations

import http.client
import json
import math
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit


class WalkFailed(Exception):
    """An answer was not 200; the message says which."""


class Walker:
    """One kept connection; `ms` has the time of each page since it was emptied, in order."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        plain = parts.scheme != "https"
        connect = http.client.HTTPConnection if plain else http.client.HTTPSConnection
        self._connection = connect(parts.netloc, timeout=60)
        self.ms: list[float] = []

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def pages(self, path: str) -> Iterator[list[dict[str, Any]]]:
        """Yield the rows of each page of a list, following `next` to its end."""
        target: str | None = path
        while target:
            page = self._get(target)
            yield page["results"]
            following = page["next"] and urlsplit(page["next"])
            target = f"{following.path}?{following.query}" if following else None

    def _get(self, target: str) -> dict[str, Any]:
        began = time.perf_counter()
        self._connection.request("GET", target)
        answer = self._connection.getresponse()
        body = answer.read()
        self.ms.append((time.perf_counter() - began) * 1000)
        if answer.status != 200:
            raise WalkFailed(f"GET {target}: {answer.status} {body[:200]!r}")
        return dict(json.loads(body))


def percentile(ms: list[float], share: float) -> float:
    """Return the value that `share` of the values do not exceed."""
    return sorted(ms)[max(0, math.ceil(share * len(ms)) - 1)]


def tenths(ms: list[float]) -> tuple[list[float], list[float]]:
    """Return the first and the last tenth."""
    size = max(1, len(ms) // 10)
    return ms[:size], ms[-size:]
