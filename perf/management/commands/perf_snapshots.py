"""Compare the plans of all statements with their snapshots, or renew the snapshots."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from novels.models import Novel
from perf.lab.plans.plan_snapshots import (
    build_snapshots,
    diff_snapshots,
    read_snapshots,
    write_snapshots,
)
from perf.lab.plans.small_data import ROWS, seed_small
from perf.lab.plans.statements import explain_requests
from perf.seeding.seeder import database_is_empty


class Command(BaseCommand):
    help = (
        "Seed a small database and compare the plans of all statements with "
        "perf/lab/plans/snapshots/. Exit code 1 if a plan differs. `make snapshots` runs it on a "
        "database of its own."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--update", action="store_true", help="renew the snapshots")

    def handle(self, *, update: bool, **options: Any) -> None:
        if not database_is_empty() and Novel.objects.public().count() > ROWS["novels"]:
            raise CommandError("This database has novels, which the command would delete.")
        seed_small()
        texts = build_snapshots(explain_requests(generic=True))
        changes = diff_snapshots(read_snapshots(), texts)
        self.stdout.write(changes or f"ok: {len(texts)} snapshots, no change.")
        if update:
            write_snapshots(texts)
        elif changes:
            sys.exit(1)
