"""Print what a refused request costs the server."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from perf.lab.refusals import UnexpectedStatus, measure_costs


class Command(BaseCommand):
    help = (
        "Measure the processor time of a refused request of each kind, beside /healthz and a "
        "cached GET. Makes two users and two novels."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rounds", type=int, default=300, help="timed requests of each kind")

    def handle(self, *, rounds: int, **options: Any) -> None:
        # As granian loads it: with the limits of serving.
        from morpheus.wsgi import application

        self.stdout.write(
            f"{'request':<26}{'CPU µs':>9}{'÷ healthz':>11}{'statements':>12}{'bytes read':>12}"
        )
        healthz_us = 0.0
        try:
            for cost in measure_costs(application, rounds):
                healthz_us = healthz_us or cost.cpu_us
                self.stdout.write(
                    f"{cost.request.name:<26}{cost.cpu_us:>9,.0f}{cost.cpu_us / healthz_us:>11.1f}"
                    f"{cost.queries:>12}{cost.read_bytes:>12}"
                )
                self.stdout.flush()
        except UnexpectedStatus as error:
            raise CommandError(str(error)) from error
