"""Print what row level security costs, route by route."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from perf.rls.measure import Cost, costs
from perf.rls.routes import NothingToRead, reads, subjects

HEADING = (
    f"{'route':<36} {'reader':<9} {'SQL':>3} {'buffers':>8} {'without':>8} {'ratio':>6} "
    f"{'ms':>8} {'without':>8} {'ratio':>6}  indexes"
)


class Command(BaseCommand):
    help = "Compare every read as the serving role with the same SQL past row level security."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rounds", type=int, default=101, help="pairs of timed runs per read")

    def handle(self, *, rounds: int, **options: Any) -> None:
        try:
            wanted = reads(subjects())
        except NothingToRead as error:
            raise CommandError(str(error)) from error
        self.stdout.write(HEADING)
        for cost in costs(wanted, rounds=rounds):
            self.stdout.write(_line(cost))
            self.stdout.flush()


def _line(cost: Cost) -> str:
    name = f"{cost.read.route} {cost.read.label}".strip()
    reader = "anonymous" if cost.read.reader_id is None else "owner"
    extra = sorted(cost.indexes ^ cost.indexes_bare)
    return (
        f"{name:<36} {reader:<9} {cost.statements:>3} {cost.buffers:>8,} {cost.buffers_bare:>8,} "
        f"{cost.buffers / max(1, cost.buffers_bare):>6.2f} {cost.ms:>8.2f} {cost.ms_bare:>8.2f} "
        f"{cost.ms / cost.ms_bare:>6.2f}  {'same' if not extra else ', '.join(extra)}"
    )
