"""Prove that every list is served by an index, and show the plan of every statement."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from novels.models import Novel
from perf.lab.harness.tables import text_table
from perf.lab.plans.list_pages import PAGES_AT_EACH_END
from perf.lab.plans.list_proofs import HEADINGS, prove, summarize
from perf.lab.plans.plan_snapshots import (
    build_snapshots,
    diff_snapshots,
    format_request,
    read_snapshots,
    write_snapshots,
)
from perf.lab.plans.small_data import ROWS, seed_small
from perf.lab.plans.statements import explain_requests
from perf.monitoring.list_routes import list_combinations
from perf.seeding.seeder import database_is_empty


class Command(BaseCommand):
    help = (
        "Explain the second and the deepest page of every list in every ordering and under every "
        "filter, as the serving role. Exit code 1 if no index serves one of them."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--route", default="", help="only lists whose path contains this text")
        modes = parser.add_mutually_exclusive_group()
        modes.add_argument(
            "--statements", action="store_true", help="show the statements of every route instead"
        )
        modes.add_argument(
            "--renew-snapshots",
            action="store_true",
            help="seed a small database, renew perf/lab/plans/snapshots/ and show what changed; "
            "`make snapshots` does so on a database of its own",
        )

    def handle(
        self, *, route: str, statements: bool, renew_snapshots: bool, **options: Any
    ) -> None:
        if statements:
            for request in explain_requests():
                self.stdout.write(format_request(request, has_figures=True))
        elif renew_snapshots:
            self._renew_snapshots()
        else:
            self._prove_lists(route)

    def _renew_snapshots(self) -> None:
        if not database_is_empty() and Novel.objects.public().count() > ROWS["novels"]:
            raise CommandError("This database has novels, which the command would delete.")
        seed_small()
        texts = build_snapshots(explain_requests(generic=True))
        changes = diff_snapshots(read_snapshots(), texts)
        write_snapshots(texts)
        self.stdout.write(changes or f"ok: {len(texts)} snapshots, no change.")

    def _prove_lists(self, route: str) -> None:
        proofs = [
            prove(combination, pages=PAGES_AT_EACH_END)
            for combination in list_combinations()
            if route in combination.route.path
        ]
        table = text_table([proof.cells() for proof in proofs], HEADINGS)
        self.stdout.write(f"{table}\n\n{summarize(proofs)}")
        faults = [fault for proof in proofs for fault in proof.faults]
        for fault in faults:
            self.stderr.write(f"FAIL  {fault}")
        if faults:
            sys.exit(1)
        self.stdout.write("ok")
