"""Prove that every list is served by an index, and show the plan of every statement."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connection

from morpheus.db.roles import connected_as
from perf.lab.plans.documentation import filled, statements_markdown
from perf.lab.plans.report import HEADINGS, Proof, markdown, prove, table
from perf.lab.plans.statements import endpoints
from perf.monitoring.list_routes import combinations
from perf.seeding.tables import SEEDED

DOCUMENT = Path(settings.BASE_DIR) / "docs" / "performance.md"


class Command(BaseCommand):
    help = (
        "Explain the second and the deepest page of every list in every ordering and under every "
        "filter, as the serving role. Exit code 1 if one of them is not served by an index."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--route", default="", help="only routes that contain this text")
        parser.add_argument(
            "--statements", action="store_true", help="every endpoint's statements instead"
        )
        shapes = parser.add_mutually_exclusive_group()
        shapes.add_argument("--json", action="store_true")
        shapes.add_argument("--markdown", action="store_true")
        shapes.add_argument(
            "--write",
            action="store_true",
            help="vacuum, then renew both lists in docs/performance.md",
        )

    def handle(self, *, statements: bool, write: bool, **options: Any) -> None:
        if statements and not write:
            self.stdout.write(statements_markdown(endpoints()))
            return
        if write:
            _vacuum()
        route = "" if write else options["route"]
        wanted = [one for one in combinations() if route in one.route.path]
        proofs = [prove(combination, with_depth=True) for combination in wanted]
        if write:
            parts = {"plans": _markdown(proofs), "statements": statements_markdown(endpoints())}
            DOCUMENT.write_text(filled(DOCUMENT.read_text(), parts))
        else:
            shape = _json if options["json"] else _markdown if options["markdown"] else _table
            self.stdout.write(shape(proofs))
        faults = [fault for proof in proofs for fault in proof.faults]
        for fault in faults:
            self.stderr.write(fault)
        if faults:
            sys.exit(1)


def _vacuum() -> None:
    """Leave tables as the seeder does, so that pages are read from the indexes alone."""
    with connected_as("owner"), connection.cursor() as cursor:
        for table in SEEDED:
            cursor.execute(f"VACUUM {table}")


def _json(proofs: list[Proof]) -> str:
    return json.dumps([proof.as_json() for proof in proofs], indent=2)


def _markdown(proofs: list[Proof]) -> str:
    return f"{markdown([proof.cells() for proof in proofs], HEADINGS)}\n\n{_summary(proofs)}"


def _table(proofs: list[Proof]) -> str:
    return f"{table([proof.cells() for proof in proofs], HEADINGS)}\n\n{_summary(proofs)}"


def _summary(proofs: list[Proof]) -> str:
    """Return what counts: how much the worst page reads, and what depth costs at worst."""
    found = [proof.pages for proof in proofs if proof.pages is not None]
    ends = [proof.depth for proof in proofs if proof.depth is not None]
    if not found:
        return "Nothing is proven."
    worst = max(page.buffers for pages in found for page in pages.plans.values())
    late, early = sum(one.late for one in ends), sum(one.early for one in ends)
    return (
        f"{len(found)} of {len(proofs)} combinations; at most {worst} buffers a page; the last "
        f"pages ÷ the first ones from the second on (up to 8 of each): "
        f"{max(one.ratio for one in ends):.2f} at most, {late / early:.2f} of all together."
    )
