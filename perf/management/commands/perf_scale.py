"""Show what requests cost by data size: a measurement of this database beside those of others."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from perf.lab import scale
from perf.lab.plans.documentation import filled
from perf.lab.plans.report import markdown, table
from perf.management.commands.perf_plans import DOCUMENT


class Command(BaseCommand):
    help = (
        "Count the buffers that each GET reads of this database, add them to a file, and print "
        "all measurements there side by side: the curve from few rows to many."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--file", type=Path, default=scale.CURVE, help="default: %(default)s")
        parser.add_argument("--route", default="", help="only routes that contain this text")
        parser.add_argument("--show", action="store_true", help="measure nothing")
        parser.add_argument(
            "--write", action="store_true", help="renew the curve in docs/performance.md"
        )

    def handle(self, *, file: Path, route: str, show: bool, write: bool, **options: Any) -> None:
        curve = scale.read(file)
        if not show:
            curve = scale.added(curve, scale.measurement(route))
            scale.write(file, curve)
        if not curve:
            raise CommandError(f"{file} has no measurement.")
        headings, lines = scale.headings(curve), scale.lines(curve)
        self.stdout.write(table(lines, headings))
        for name, ratio in scale.growing(curve).items():
            self.stderr.write(f"{name}: {ratio:.2f} times as much, {scale.MOST_GROWTH} at most")
        if write:
            parts = {"scale": markdown(lines, headings)}
            DOCUMENT.write_text(filled(DOCUMENT.read_text(), parts))
