"""Compare the plans of all statements with those in perf/contracts/, or renew these."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from novels.models import Novel
from perf.lab.plans.contracts import contracts, differences, keep, kept
from perf.lab.plans.small_data import ROWS, seed_small
from perf.lab.plans.statements import endpoints
from perf.seeding.seeder import database_is_empty


class Command(BaseCommand):
    help = (
        "Seed a small database and compare the plans of all statements with perf/contracts/: exit "
        "code 1 if one differs. `make contracts` gives it a database of its own."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--update", action="store_true", help="renew perf/contracts/")

    def handle(self, *, update: bool, **options: Any) -> None:
        if not database_is_empty() and Novel.objects.public().count() > ROWS["novels"]:
            raise CommandError("There are novels in this database, which would be deleted.")
        seed_small()
        found = contracts(endpoints(generic=True))
        changed = differences(kept(), found)
        self.stdout.write(changed or f"{len(found)} contracts hold.")
        if update:
            keep(found)
        elif changed:
            sys.exit(1)
