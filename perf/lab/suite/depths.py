"""What a page costs by how deep it lies, from the server without a cache."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from functools import partial

from perf.lab.harness.http_client import Connection
from perf.lab.list_depths import long_lists
from perf.lab.suite.timing import Times, reference_ms, timed

SHARES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
PAGE_SIZE = 20
# Fewer rows are no depth.
MIN_ROWS = 200


@dataclass(frozen=True)
class Depths:
    """One list in one ordering.

    Attributes:
        times: By the share of rows that lie before the page.
    """

    name: str
    rows: int
    times: dict[float, Times]


def depths(port: int, *, rounds: int) -> list[Depths]:
    """Ask for pages at several depths of each long list, by turns."""
    found = []
    with closing(Connection(port)) as connection:
        for one in long_lists(PAGE_SIZE):
            rows = one.rows.count()
            if rows < MIN_ROWS:
                continue
            pages = {share: one.page_after(int(share * (rows - PAGE_SIZE))) for share in SHARES}
            times = {share: Times() for share in SHARES}
            for _ in range(rounds):
                for share, page in pages.items():
                    reference = reference_ms()
                    ms, answer = timed(partial(connection.get, page))
                    answer.require_ok()
                    times[share].add(ms, reference)
            found.append(Depths(one.name, rows, times))
    return found
