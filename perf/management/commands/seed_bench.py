"""Load the rows that would be seeded by the seeder and by psql, in turns; print both."""

from __future__ import annotations

from argparse import ArgumentParser
from statistics import median
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from perf.lab.plans.report import table
from perf.lab.seed_bench import Comparison, NoPsql, comparisons, psql_path
from perf.management.commands.seed import add_seed_arguments, seed_options
from perf.seeding.progress import Progress

HEADINGS = ["table", "rows", "seeder", "psql", "seeder ÷ psql", "psql, indexed table"]


class Command(BaseCommand):
    help = (
        "Compare seeding with psql's COPY of the same rows into the same tables, in rows per "
        "second. Tables of its own; the database stays as it is."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_seed_arguments(parser)
        parser.add_argument("--rounds", type=int, default=3, help="medians of so many; default 3")
        parser.add_argument(
            "--indexed",
            action="store_true",
            help="have psql load into tables with all their indexes too",
        )

    def handle(self, *, rounds: int, indexed: bool, **options: Any) -> None:
        progress = Progress(quiet=options["quiet"])
        try:
            psql_path()
        except NoPsql as error:
            raise CommandError(str(error)) from error
        wanted = seed_options(options)
        found = list(comparisons(wanted, progress, rounds=rounds, indexed=indexed))
        self.stdout.write(table([_cells(one) for one in [*found, _whole(found)]], HEADINGS))


def _whole(found: list[Comparison]) -> Comparison:
    """Return the sums of what each table took at the median."""
    return Comparison(
        "all of these",
        sum(one.rows for one in found),
        [sum(_seconds(one.seeder) for one in found)],
        [sum(_seconds(one.psql) for one in found)],
        [sum(_seconds(one.psql_indexed) for one in found)],
    )


def _seconds(rounds: list[float]) -> float:
    return median(rounds) if rounds else 0.0


def _cells(one: Comparison) -> list[str]:
    seeder, psql, indexed = map(_seconds, (one.seeder, one.psql, one.psql_indexed))
    share = f"{psql / seeder:.0%}" if psql else ""
    return [one.table, f"{one.rows:,}", *_speeds(one, seeder, psql), share, *_speeds(one, indexed)]


def _speeds(one: Comparison, *seconds: float) -> list[str]:
    """Return rows per second; seconds where there are no rows to count."""
    return [
        "" if not taken else f"{one.rows / taken:,.0f}" if one.rows else f"{taken:.1f} s"
        for taken in seconds
    ]
