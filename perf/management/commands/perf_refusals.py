"""Print the cost of refused requests."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from perf.lab.harness.tables import Table
from perf.lab.refusals import UnexpectedStatus, measure_costs

TABLE = Table(["request", "CPU µs", "÷ healthz", "statements", "bytes read"])


class Command(BaseCommand):
    help = (
        "Measure the CPU time of a refused request of each kind, beside /healthz and a cached GET. "
        "Creates two users and two novels."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rounds", type=int, default=300, help="timed requests of each kind")

    def handle(self, *, rounds: int, **options: Any) -> None:
        # As granian loads it, with the bulkheads of a server.
        from morpheus.wsgi import application

        self.stdout.write(TABLE.heading)
        healthz_us = 0.0
        try:
            for cost in measure_costs(application, rounds):
                healthz_us = healthz_us or cost.cpu_us
                figures = (f"{cost.cpu_us:,.0f}", f"{cost.cpu_us / healthz_us:.1f}")
                row = TABLE.row(
                    cost.refusal.name, *figures, str(cost.queries), str(cost.read_bytes)
                )
                self.stdout.write(row)
                self.stdout.flush()
        except UnexpectedStatus as error:
            raise CommandError(str(error)) from error
