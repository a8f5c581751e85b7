"""Time every route and every reading statement, and compare them with budgets and baseline."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from perf.lab.harness.tables import text_table
from perf.lab.plans.small_data import add_logins
from perf.lab.suite.results import ResultFolder, ResultLine
from perf.lab.suite.run import MIN_NOVELS, run_suite
from perf.seeding.options import SCALES
from perf.seeding.seeder import database_is_empty

ROUNDS = 200
HEADINGS = ["", "", "p50", "p95", "p99", "max", "budget p95/p99", "margin"]
HEADINGS += ["÷ baseline", "buffers"]


class Command(BaseCommand):
    help = (
        "Time every route, cold and warm, and every reading statement, as the serving role. Seeds "
        "an empty database. Exit code 1 if a budget is broken, or if a time is a regression from "
        "the baseline. `make perf` runs it on data of its own: it empties the cache server."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rounds", type=int, default=ROUNDS, help="requests of each kind")
        parser.add_argument("--scale", default="default", help=f"data: {', '.join(SCALES)}")
        parser.add_argument("--output", default=str(settings.BASE_DIR / "var" / "performance"))
        parser.add_argument(
            "--keep-baseline", action="store_true", help="compare later runs with this one"
        )

    def handle(
        self, *, rounds: int, scale: str, output: str, keep_baseline: bool, **options: Any
    ) -> None:
        began = time.monotonic()
        folder = ResultFolder(Path(output), scale)
        if database_is_empty():
            call_command("seed", scale=scale)
            add_logins()
        result = run_suite(rounds=rounds)
        breaches = [*result.breaches, *(text for line in result.lines for text in line.breaches())]
        baseline = folder.read_baseline()
        breaches += folder.regressions(result.lines, slowdown=result.slowdown)
        folder.write(result.lines, slowdown=result.slowdown, as_baseline=keep_baseline)
        self.stdout.write(text_table([_cells(line, baseline) for line in result.lines], HEADINGS))
        self.stdout.write(
            f"\n{rounds} rounds in {time.monotonic() - began:.0f} s, times in ms; the reference "
            f"took {result.slowdown:.1f} times its time on an idle machine.\n{folder.result}"
        )
        if result.novels < MIN_NOVELS:
            self.stdout.write(f"Only times are compared: there are fewer than {MIN_NOVELS} novels.")
        for text in breaches:
            self.stderr.write(f"FAIL  {text}")
        if breaches:
            sys.exit(1)
        self.stdout.write("ok")


def _cells(line: ResultLine, baseline: dict[str, float]) -> list[str]:
    ratio = baseline.get(line.key)
    return [
        line.name,
        line.temperature,
        *(f"{ms:.2f}" for ms in line.ms.values()),
        "/".join(f"{ms:g}" for ms in line.budget_ms.values()),
        f"{line.margin:.1f}×",
        "–" if ratio is None else f"{line.ratio / ratio:.2f}",
        "–" if line.buffers is None else f"{line.buffers:,}",
    ]
