"""Open every list of the admin in every way and show what it costs."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from perf.lab.admin_pages import opened
from perf.lab.harness.tables import text_table

HEADINGS = ["list", "ms", "statements", "slowest of them, ms"]
MOST_MS = 500


class Command(BaseCommand):
    help = (
        "Open each list of the admin as it is, at its last page, under filters and by searches, "
        "and print its best time. Exit code 1 if one takes longer than --limit-ms."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rounds", type=int, default=3, help="times that each is opened")
        parser.add_argument("--limit-ms", type=float, default=MOST_MS)
        parser.add_argument("--slowest", type=int, default=0, help="print so many only")

    def handle(self, *, rounds: int, limit_ms: float, slowest: int, **options: Any) -> None:
        found = sorted(opened(rounds), key=lambda one: -one.ms)
        lines = [
            [one.name, f"{one.ms:.1f}", str(one.statements), f"{one.slowest_ms:.1f}"]
            for one in found[: slowest or None]
        ]
        self.stdout.write(text_table(lines, HEADINGS))
        over = [one.name for one in found if one.ms > limit_ms]
        self.stdout.write(f"{len(found)} lists; {len(over)} over {limit_ms:.0f} ms")
        if over:
            sys.exit(1)
