"""Seed, then load the same rows by psql, and print both side by side."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from perf.management.commands.seed import add_seed_arguments, seed_options
from perf.seeding.bench import Comparison, NoPsql, comparisons, psql_path
from perf.seeding.database import DatabaseNotEmpty
from perf.seeding.progress import Progress
from perf.seeding.seeder import seed, vacuum

HEADING = "rows/s of                       rows       seeder  psql, same table  psql, bare table"


class Command(BaseCommand):
    help = "Compare seeding with psql's COPY of the same rows; leaves the database seeded."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_seed_arguments(parser)
        parser.add_argument("--reset", action="store_true", help="as in `seed`")

    def handle(self, **options: Any) -> None:
        progress = Progress(quiet=options["quiet"])
        try:
            psql_path()
            seed(seed_options(options), progress)
            vacuum(progress)
        except (NoPsql, DatabaseNotEmpty) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(HEADING)
        found = []
        for comparison in comparisons(progress.steps):
            found.append(comparison)
            self.stdout.write(_line(comparison))
        self.stdout.write(_line(_whole(found)))


def _whole(found: list[Comparison]) -> Comparison:
    return Comparison(
        "all of these",
        sum(one.rows for one in found),
        sum(one.seeder for one in found),
        sum(one.psql_same for one in found),
        sum(one.psql_bare for one in found),
    )


def _line(one: Comparison) -> str:
    speeds = [one.rows / seconds for seconds in (one.seeder, one.psql_same, one.psql_bare)]
    seeder, same, bare = speeds
    return f"{one.table:<24} {one.rows:>11,} {seeder:>12,.0f} {same:>17,.0f} {bare:>17,.0f}"
