"""Time every route and every reading statement, and compare them with budgets and baseline."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from perf.lab.example_rows import NoExampleRows
from perf.lab.harness.http_client import BadResponse
from perf.lab.harness.servers import ServerFailed
from perf.lab.harness.tables import text_table
from perf.lab.plans.capture import RequestFailed
from perf.lab.suite.results import ResultFolder, ResultLine, growth_table
from perf.lab.suite.run import SuiteResult, run_suite
from perf.seeding.options import SCALES
from perf.seeding.seeder import database_is_empty

ROUNDS = 200
HEADINGS = ["", "", "p50", "p95", "p99", "max", "budget p95/p99", "margin", "buffers"]
_SEEDING = "seeding"


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
        seeding = self._seed(scale) or _last_seeding(folder)
        try:
            result = run_suite(rounds=rounds, progress=self._show_progress)
        except (ServerFailed, RequestFailed, BadResponse, NoExampleRows) as error:
            raise CommandError(str(error)) from error
        breaches = [*result.breaches, *(text for line in result.lines for text in line.breaches())]
        breaches += folder.regressions(result.lines, slowdown=result.slowdown)
        document = {"scale": scale, "breaches": breaches, **result.as_json()}
        document["memory"] += seeding
        folder.write(document, as_baseline=keep_baseline)
        self._print(result, document["memory"], folder, time.monotonic() - began)
        for text in breaches:
            self.stderr.write(f"FAIL  {text}")
        if breaches:
            sys.exit(1)
        self.stdout.write("ok")

    def _seed(self, scale: str) -> list[dict[str, Any]]:
        """Fill an empty database in a process of its own; return its peak memory."""
        if not database_is_empty():
            return []
        self._show_progress(f"seeding, {scale}")
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "seed", "--scale", scale]
        process = subprocess.Popen([*command, "--quiet"])  # noqa: S603 - our own command
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise CommandError("Seeding failed, see above.")
        peak = round(usage.ru_maxrss / 1024, 1)
        return [{"operation": _SEEDING, "mb": peak, "more_mb": peak}]

    def _show_progress(self, text: str) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"\r\033[K{text}", ending="")
            self.stderr.flush()

    def _print(
        self,
        result: SuiteResult,
        memory: list[dict[str, Any]],
        folder: ResultFolder,
        seconds: float,
    ) -> None:
        self._show_progress("")
        tables = [([_cells(line) for line in result.lines], HEADINGS)]
        peaks = [
            [peak["operation"], f"{peak['mb']:.0f} MB", f"+{peak['more_mb']:.0f} MB"]
            for peak in memory
        ]
        tables.append((peaks, ["memory", "peak", "growth"]))
        tables.append(growth_table(folder.read_all()))
        for rows, headings in tables:
            if rows:
                self.stdout.write(text_table(rows, headings) + "\n")
        self.stdout.write(
            f"{result.rounds} rounds in {seconds:.0f} s, times in ms; the reference took "
            f"{result.slowdown:.1f} times its time on an idle machine.\n{folder.result}"
        )


def _cells(line: ResultLine) -> list[str]:
    return [
        line.name,
        line.temperature,
        *(f"{ms:.2f}" for ms in (line.p50, line.p95, line.p99, line.max)),
        f"{line.budget_p95:g}/{line.budget_p99:g}",
        f"{line.margin:.1f}×",
        "–" if line.buffers is None else f"{line.buffers:,}",
    ]


def _last_seeding(folder: ResultFolder) -> list[dict[str, Any]]:
    """Return the memory of seeding, from the run that seeded."""
    last = folder.read_all().get(folder.scale, {"memory": []})
    return [peak for peak in last["memory"] if peak["operation"] == _SEEDING]
