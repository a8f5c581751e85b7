"""Measure the cost of a page by its depth: pages of keyset pagination cost the same everywhere."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from perf.lab.harness.http_client import BadResponse
from perf.lab.harness.measurements import percentile
from perf.lab.harness.tables import Table
from perf.lab.list_walk import ListWalker, LongList, find_long_lists

ORDERINGS = ("-created_at", "title")
# Percent of a list before the pages that --depths reads.
DEPTHS = (0, 10, 50, 90, 100)
WALKS = Table("list|rows|pages|p50 ms|max ms|p99 of first tenth|p99 of last tenth|ratio".split("|"))
PAGES = Table(["list, p50 (p99) ms at", "rows", *(f"{depth} %" for depth in DEPTHS), "max ms"])


class Command(BaseCommand):
    help = (
        "Walk along every page of the public lists of a running server and print the times of the "
        "first and the last tenth. Panels: those of all comics, one comic after the other."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", default="http://127.0.0.1:8000")
        parser.add_argument("--page-size", type=int, default=20)
        parser.add_argument(
            "--passes", type=int, default=1, help="walks; a page counts with its best time"
        )
        parser.add_argument(
            "--depths",
            type=int,
            metavar="PAGES",
            help="read only so many pages at the start, after 10, 50 and 90 %% of each list, and "
            "at its end; needs the server's database and SECRET_KEY",
        )

    def handle(
        self, *, url: str, page_size: int, passes: int, depths: int | None, **options: Any
    ) -> None:
        walker = ListWalker(url)
        try:
            if depths:
                self.stdout.write(PAGES.heading)
                for long_list in find_long_lists(page_size):
                    self._read_depths(walker, long_list, depths, depths * page_size, passes)
            else:
                self.stdout.write(WALKS.heading)
                self._walk_all(walker, page_size, passes)
        except (BadResponse, OSError) as error:
            raise CommandError(str(error)) from error
        finally:
            walker.close()

    def _walk_all(self, walker: ListWalker, page_size: int, passes: int) -> None:
        for ordering in ORDERINGS:
            query = f"?page_size={page_size}&ordering={ordering}"
            self._walk(walker, f"novels, {ordering}", [f"/api/v1/novels/{query}"], passes)
        comics = self._walk(walker, "comics", [f"/api/v1/comics/?page_size={page_size}"], passes)
        panels = [f"/api/v1/comics/{row['id']}/panels/?page_size={page_size}" for row in comics]
        self._walk(walker, "panels", panels, passes)

    def _walk(
        self, walker: ListWalker, name: str, paths: Sequence[str], passes: int
    ) -> list[dict[str, Any]]:
        """Walk along the lists and print a line; return the rows."""
        times = []
        for _ in range(passes):
            walker.ms.clear()
            rows = [row for path in paths for page in walker.pages(path) for row in page]
            times.append([*walker.ms])
        if not walker.ms:
            self.stdout.write(WALKS.row(name, "none"))
            return rows
        repeated = len(rows) - len({row["id"] for row in rows})
        if repeated:
            raise BadResponse(f"{name}: {repeated} rows are on two pages")
        ms = _best_times(times)
        tenth = max(1, len(ms) // 10)
        first, last = percentile(ms[:tenth], 0.99), percentile(ms[-tenth:], 0.99)
        figures = (percentile(ms, 0.5), max(ms), first, last)
        cells = [f"{len(rows):,}", f"{len(ms):,}", *(f"{figure:.1f}" for figure in figures)]
        self.stdout.write(WALKS.row(name, *cells, f"{last / first:.2f}"))
        return rows

    def _read_depths(
        self, walker: ListWalker, long_list: LongList, pages: int, rows: int, passes: int
    ) -> None:
        """Read pages of one list at all depths and print a line, if the list is long enough."""
        total = long_list.rows.count()
        if total < len(DEPTHS) * rows:
            self.stdout.write(PAGES.row(long_list.name, f"{total:,}", "too few"))
            return
        cells, slowest = [], 0.0
        for depth in DEPTHS:
            start = long_list.page_after((total - rows) * depth // 100)
            times = []
            for _ in range(passes):
                walker.ms.clear()
                _exhaust(islice(walker.pages(start), pages))
                times.append([*walker.ms])
            ms = _best_times(times)
            cells.append(f"{percentile(ms, 0.5):.1f} ({percentile(ms, 0.99):.1f})")
            slowest = max(slowest, *map(max, times))
        self.stdout.write(PAGES.row(long_list.name, f"{total:,}", *cells, f"{slowest:.1f}"))


def _best_times(times: list[list[float]]) -> list[float]:
    """Return the best time of each page over all passes."""
    return [min(of_page) for of_page in zip(*times, strict=True)]


def _exhaust(pages: Iterator[object]) -> None:
    for _ in pages:
        pass
