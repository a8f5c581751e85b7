"""Print the figures of docs/capacity.md."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db.models import Avg, Count

from comics.models import Comic, Panel
from morpheus.embedded.addresses import Addresses
from novels.models import Chapter, Novel
from perf.lab.capacity import RequestCost, measure_requests, read_table_sizes
from perf.lab.harness.databases import seed_if_empty
from perf.lab.harness.tables import Table

SIZES = Table(["table", "rows", "bytes a row", "bytes of indexes"], first_width=26)
COSTS = Table(["one server process", "cache off", "cache on"], first_width=34)


class Command(BaseCommand):
    help = (
        "Measure the CPU time of a request, the memory of a cached value and the size of a row on "
        "the embedded services, seeded when empty. Empties the cache server."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--requests", type=int, default=20_000, help="of each mode")
        parser.add_argument("--warm-up", type=int, default=20_000, help="other requests before")
        parser.add_argument("--seed", type=int, default=42, help="of the requests")

    def handle(self, **given: Any) -> None:
        options = {name: given[name] for name in ("requests", "warm_up", "seed")}
        seed_if_empty()
        self._print_sizes()
        url = Addresses.under(settings.MORPHEUS_VAR).database_url("postgres", "postgres")
        costs = [measure_requests(url, has_cache=mode, **options) for mode in (False, True)]
        self._print_costs(*costs)
        if failures := [line for cost in costs for line in cost.failures]:
            raise CommandError(f"FAIL: {len(failures):,} requests failed: {failures[0]}")

    def _print_sizes(self) -> None:
        novels = Novel.objects.aggregate(count=Count("id"), words=Avg("word_count"))
        chapters, panels = Chapter.objects.count(), Panel.objects.count()
        comics = Comic.objects.count()
        self.stdout.write(
            f"Public: {novels['count']:,} novels of {novels['words'] or 0:,.0f} words and "
            f"{chapters / (novels['count'] or 1):.1f} chapters; "
            f"{comics:,} comics of {panels / max(comics, 1):.1f} panels"
        )
        self.stdout.write(SIZES.heading)
        for size in read_table_sizes():
            figures = (f"{size.rows:,}", f"{size.row_bytes:,.0f}", f"{size.index_bytes:,.0f}")
            self.stdout.write(SIZES.row(size.name, *figures))

    def _print_costs(self, off: RequestCost, on: RequestCost) -> None:
        self.stdout.write(COSTS.heading)
        for name in off.cpu_ms:
            figures = (f"{cost.cpu_ms[name]:.3f}" for cost in (off, on))
            self.stdout.write(COSTS.row(f"CPU ms of a request, {name}", *figures))
        for title, name in (
            ("resident MB", "resident_mb"),
            ("connections to PostgreSQL", "connections"),
            ("cached values", "cached_values"),
            ("bytes of a cached value", "cached_bytes"),
        ):
            self.stdout.write(COSTS.row(title, *(f"{getattr(c, name):,.0f}" for c in (off, on))))
