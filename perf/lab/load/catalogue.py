"""What there is to ask for, as a stranger finds out, and how popular each of it is."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from itertools import accumulate
from urllib.request import urlopen

API = "/api/v1"
# Of what is older nobody asks.
KNOWN = 500


class Ranked:
    """Ids of which the first is asked for most, the second half as often, and so on (Zipf)."""

    def __init__(self, ids: list[int]) -> None:
        if not ids:
            raise LookupError("There is nothing to read: seed the database first.")
        self.ids = ids
        self._weights = [*accumulate(1 / rank for rank in range(1, len(ids) + 1))]

    def draw(self) -> int:
        """Return one of the ids."""
        return random.choices(self.ids, cum_weights=self._weights)[0]  # noqa: S311 - no secret


class Catalogue:
    """Public novels and comics, read page by page."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.novels = Ranked([each["id"] for each in _walk(host, "/novels/")])
        self.comics = Ranked([each["id"] for each in _walk(host, "/comics/")])


def _walk(host: str, path: str) -> Iterator[dict[str, int]]:
    url: str | None = f"{host}{API}{path}?page_size=100"
    for _ in range(KNOWN // 100):
        if url is None:
            return
        with urlopen(url) as answer:  # noqa: S310 - the server under test
            page = json.load(answer)
        yield from page["results"]
        url = page["next"]
