"""The public novels and comics, as an anonymous client finds them, and their popularity."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from urllib.request import urlopen

from perf.lab.example_requests import example
from perf.seeding.chance import Skewed

# Users read only the newest rows.
NEWEST = 500


class Ranked:
    """Ids by popularity: the second one is drawn half as often as the first, and so on (Zipf)."""

    def __init__(self, ids: list[int]) -> None:
        if not ids:
            raise LookupError("There is nothing to read: seed the database first.")
        self.ids = ids
        self._ranks = Skewed(len(ids), exponent=1.0)

    def draw(self) -> int:
        """Return one of the ids."""
        return self.ids[self._ranks.rank(random.random)]


class Catalogue:
    """Public novels and comics of the server at `url`, read page by page."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.novels = Ranked([*_read_ids(url, "GET /novels/")])
        self.comics = Ranked([*_read_ids(url, "GET /comics/")])


def _read_ids(url: str, route: str) -> Iterator[int]:
    page_url = url + example(route).build({}, query={"page_size": 100}).path
    for _ in range(NEWEST // 100):
        with urlopen(page_url) as response:  # noqa: S310 - a server that the caller chose
            page = json.load(response)
        yield from (row["id"] for row in page["results"])
        if page["next"] is None:
            return
        page_url = page["next"]
