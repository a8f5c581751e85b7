"""Measure what the indexes of the listed tables cost those who write."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from perf.lab.plans.documentation import filled
from perf.lab.plans.report import markdown, table
from perf.lab.plans.writes import TABLES, Cost, costs
from perf.management.commands.perf_plans import DOCUMENT

HEADINGS = ["table", "indexes", "number", "inserts/s", "log bytes a row", "index bytes a row"]


class Command(BaseCommand):
    help = (
        "Insert rows into copies of the listed tables with all, some and none of their indexes. "
        "Needs a seeded database and some 30 s; leaves nothing behind."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--write", action="store_true", help="renew the table in docs/performance.md"
        )

    def handle(self, *, write: bool, **options: Any) -> None:
        lines = [_cells(cost) for name in TABLES for cost in costs(name)]
        if write:
            document = filled(DOCUMENT.read_text(), {"indexes": markdown(lines, HEADINGS)})
            DOCUMENT.write_text(document)
        else:
            self.stdout.write(table(lines, HEADINGS))


def _cells(cost: Cost) -> list[str]:
    # What one group adds is less than what runs differ by.
    speed = "–" if cost.what.startswith("without") else f"{cost.rows_per_s:,}"
    sizes = (f"{figure:,}" for figure in (cost.wal_bytes, cost.index_bytes))
    return [cost.table, cost.what, str(cost.indexes), speed, *sizes]
