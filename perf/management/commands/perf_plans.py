"""Prove that every list is served by an index, and show the plan of every statement."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connection

from morpheus.db.roles import connected_as
from perf.lab.harness.tables import markdown, text_table
from perf.lab.plans.documentation import replace_parts, statements_markdown
from perf.lab.plans.list_proofs import HEADINGS, PAGES_AT_EACH_END, prove, summarize
from perf.lab.plans.statements import explain_requests
from perf.monitoring.list_routes import list_combinations
from perf.seeding.tables import SEEDED

DOCUMENT = Path(settings.BASE_DIR) / "docs" / "performance.md"


class Command(BaseCommand):
    help = (
        "Explain the second and the deepest page of every list in every ordering and under every "
        "filter, as the serving role. Exit code 1 if no index serves one of them."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--route", default="", help="only lists whose path contains this text")
        parser.add_argument(
            "--statements", action="store_true", help="show the statements of every route instead"
        )
        parser.add_argument(
            "--write", action="store_true", help="VACUUM, then renew docs/performance.md"
        )

    def handle(self, *, route: str, statements: bool, write: bool, **options: Any) -> None:
        if statements:
            self.stdout.write(statements_markdown(explain_requests()))
            return
        if write:
            _vacuum()
        proofs = [
            prove(combination, pages=PAGES_AT_EACH_END)
            for combination in list_combinations()
            if write or route in combination.route.path
        ]
        rows, summary = [proof.cells() for proof in proofs], summarize(proofs)
        if write:
            plans = f"{markdown(rows, HEADINGS)}\n\n{summary}"
            parts = {"plans": plans, "statements": statements_markdown(explain_requests())}
            DOCUMENT.write_text(replace_parts(DOCUMENT.read_text(), parts))
        else:
            self.stdout.write(f"{text_table(rows, HEADINGS)}\n\n{summary}")
        faults = [fault for proof in proofs for fault in proof.faults]
        for fault in faults:
            self.stderr.write(f"FAIL  {fault}")
        if faults:
            sys.exit(1)
        self.stdout.write("ok")


def _vacuum() -> None:
    """Leave the tables as seeding does, so that index-only scans need no heap fetches."""
    with connected_as("owner"), connection.cursor() as cursor:
        for table in SEEDED:
            cursor.execute(f"VACUUM {table}")
