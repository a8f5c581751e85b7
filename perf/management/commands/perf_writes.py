"""Print the cost of writes."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from perf.lab.harness.tables import Table
from perf.lab.write_cost import measure_writes

TABLE = Table(["write", "statements", "database trips", "Redis trips", "CPU µs"], first_width=34)


class Command(BaseCommand):
    help = "Count statements and round trips of writes, and measure their CPU time."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rounds", type=int, default=500, help="timed runs per write")

    def handle(self, *, rounds: int, **options: Any) -> None:
        self.stdout.write(TABLE.heading)
        for cost in measure_writes(rounds=rounds):
            counts = (cost.statements, cost.database_trips, cost.redis_trips)
            self.stdout.write(TABLE.row(cost.name, *map(str, counts), f"{cost.cpu_us:,.0f}"))
