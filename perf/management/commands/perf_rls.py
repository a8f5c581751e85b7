"""Print the cost of row level security, read by read."""

from __future__ import annotations

import logging
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from perf.lab.example_rows import largest_rows
from perf.lab.harness.tables import Table
from perf.lab.rls_cost import ReadCost, measure_reads, private_reads

# Of buffers and of a route's time, with row level security ÷ without.
MAX_RATIO = 1.15

TABLE = Table(
    ["read", "caller", "SQL", "buffers", "without", "ratio", "route ms", "without", "ratio"]
    + ["SQL ms", "without", "ratio", "indexes"],
    first_width=58,
)


class Command(BaseCommand):
    help = (
        "Compare every read as the serving role with the same read past row level security, where "
        f"no identity is sent. Exit code 1 if buffers or a route's time exceed {MAX_RATIO} times "
        "the cost without."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rounds", type=int, default=101, help="pairs of timed runs per read")

    def handle(self, *, rounds: int, **options: Any) -> None:
        try:
            reads = private_reads(largest_rows())
            self.stdout.write(TABLE.heading)
            failed = 0
            logging.disable(logging.INFO)  # Lines about requests would hide the table.
            for cost in measure_reads(reads, rounds=rounds):
                self.stdout.write(_format_row(cost))
                self.stdout.flush()
                failed += max(cost.buffers_ratio, cost.route_ratio) > MAX_RATIO
        finally:
            logging.disable(logging.NOTSET)
        if failed:
            raise CommandError(f"FAIL: {failed} reads cost more than {MAX_RATIO} times as much.")
        self.stdout.write("ok")


def _format_row(cost: ReadCost) -> str:
    app, loader = cost.app, cost.loader
    indexes = ", ".join(sorted(app.indexes ^ loader.indexes)) or "same"
    return TABLE.row(
        cost.read.sent.name,
        "owner" if cost.read.reader_id else "anonymous",
        str(cost.statements),
        *(f"{app.buffers:,}", f"{loader.buffers:,}", f"{cost.buffers_ratio:.2f}"),
        *(f"{app.route_ms:.2f}", f"{loader.route_ms:.2f}", f"{cost.route_ratio:.2f}"),
        *(f"{app.sql_ms:.2f}", f"{loader.sql_ms:.2f}", f"{app.sql_ms / loader.sql_ms:.2f}"),
        indexes,
    )
