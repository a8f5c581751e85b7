"""Walk through all novels, all comics and all panels over HTTP; depth must not cost."""

from __future__ import annotations

from argparse import ArgumentParser
from itertools import islice
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from perf.lab.list_depths import LongList, long_lists
from perf.lab.walk import Walker, WalkFailed, percentile, tenths

ORDERINGS = ("-created_at", "title")
# How many hundredths of a list lie before the pages that --depths looks at.
DEPTHS = (0, 10, 50, 90, 100)


class Command(BaseCommand):
    help = (
        "Walk through every page of the public lists of a running server and print the times of "
        "the first and the last tenth. Panels: those of all comics, one comic after the other."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", default="http://127.0.0.1:8000")
        parser.add_argument("--page-size", type=int, default=20)
        parser.add_argument(
            "--passes",
            type=int,
            default=1,
            help="walk or look so many times; a page counts with its best time (on a busy machine)",
        )
        parser.add_argument(
            "--depths",
            type=int,
            metavar="PAGES",
            help="do not walk: look at so many pages in a row at the beginning, after 10, 50 and "
            "90 %% of each list, and at its end; on the server's database, with its SECRET_KEY",
        )

    def handle(
        self, *, url: str, page_size: int, passes: int, depths: int | None, **options: Any
    ) -> None:
        walker = Walker(url)
        self.passes = passes
        try:
            if depths:
                for one in long_lists(page_size):
                    self._look(walker, one, depths, depths * page_size)
            else:
                self._walk_all(walker, page_size)
        except (WalkFailed, OSError) as error:
            raise CommandError(str(error)) from error
        finally:
            walker.close()

    def _walk_all(self, walker: Walker, page_size: int) -> None:
        for ordering in ORDERINGS:
            query = f"?page_size={page_size}&ordering={ordering}"
            self._walk(walker, f"novels, {ordering}", [f"/api/v1/novels/{query}"])
        comics = self._walk(walker, "comics", [f"/api/v1/comics/?page_size={page_size}"])
        panels = [f"/api/v1/comics/{row['id']}/panels/?page_size={page_size}" for row in comics]
        self._walk(walker, "panels", panels)

    def _look(self, walker: Walker, one: LongList, pages: int, rows: int) -> None:
        """Look at one list at all depths and print a line, if it is long enough for that."""
        total = one.rows.count()
        if total < len(DEPTHS) * rows:
            self.stdout.write(f"{one.name}: {total:,} rows, too few")
            return
        shown, slowest = [], 0.0
        for depth in DEPTHS:
            start = one.page_after((total - rows) * depth // 100)
            times = []
            for _ in range(self.passes):
                walker.ms.clear()
                for _ in islice(walker.pages(start), pages):
                    pass
                times.append([*walker.ms])
            ms = [min(of_page) for of_page in zip(*times, strict=True)]
            shown.append(f"{depth} % {percentile(ms, 0.5):.1f} ({percentile(ms, 0.99):.1f})")
            slowest = max(slowest, *map(max, times))
        self.stdout.write(
            f"{one.name}: {total:,} rows; p50 (p99) ms at {', '.join(shown)}; "
            f"slowest of all {slowest:.1f}"
        )

    def _walk(self, walker: Walker, name: str, lists: list[str]) -> list[dict[str, Any]]:
        """Walk through lists and print a line; return the rows."""
        times = []
        for _ in range(self.passes):
            walker.ms.clear()
            rows = [row for path in lists for page in walker.pages(path) for row in page]
            times.append([*walker.ms])
        if not walker.ms:
            self.stdout.write(f"{name}: there are none")
            return rows
        ids = {row["id"] for row in rows}
        if len(ids) != len(rows):
            raise WalkFailed(f"{name}: {len(rows) - len(ids)} rows were met twice")
        ms = [min(of_page) for of_page in zip(*times, strict=True)]
        first, last = (percentile(part, 0.99) for part in tenths(ms))
        self.stdout.write(
            f"{name}: {len(rows):,} rows on {len(ms):,} pages; "
            f"p50 {percentile(ms, 0.5):.1f} ms, max {max(ms):.1f} ms; "
            f"p99 of the first tenth {first:.1f} ms, of the last {last:.1f} ms, "
            f"ratio {last / first:.2f}"
        )
        return rows
