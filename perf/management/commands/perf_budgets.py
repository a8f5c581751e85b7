"""Time every route and every reading statement beside its budget, and write a report."""

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

from perf.lab.harness.http_client import BadResponse
from perf.lab.harness.servers import ServerFailed
from perf.lab.plans.capture import RequestFailed
from perf.lab.plans.report import table
from perf.lab.suite.kept import Kept
from perf.lab.suite.lines import Line
from perf.lab.suite.report import report
from perf.lab.suite.routes import AskFailed
from perf.lab.suite.run import Result, measured
from perf.seeding.options import SCALES
from perf.seeding.seeder import database_is_empty

ROUNDS = 200
HEADINGS = ["", "p50", "p95", "p99", "max", "budget p95/p99", "margin", "buffers"]


class Command(BaseCommand):
    help = (
        "Time every route, cold and warm, and every reading statement, as the serving role. Seeds "
        "an empty database. Exit code 1 if a budget is broken, or something is slower than in the "
        "baseline. `make perf` gives it data of its own: it empties the cache server."
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
        kept = Kept(Path(output), scale)
        seeded = self._seed(scale)
        try:
            result = measured(rounds=rounds, tell=self._progress)
        except (ServerFailed, AskFailed, RequestFailed, BadResponse) as error:
            raise CommandError(str(error)) from error
        breaches = [*result.counted, *(text for line in result.lines for text in line.breaches())]
        breaches += kept.slower(result.lines, machine=result.slower)
        said = {"size": scale, "breaches": breaches, **result.as_json()}
        said["memory"] += seeded or _seeding_before(kept)
        kept.keep(said, as_baseline=keep_baseline)
        kept.report.write_text(report(said, kept.all_sizes()))
        self._tell(result, said, kept, time.monotonic() - began)
        if breaches:
            sys.exit(1)

    def _seed(self, scale: str) -> list[dict[str, Any]]:
        """Fill an empty database in a process of its own; return what memory that took."""
        if not database_is_empty():
            return []
        self._progress(f"seeding, {scale}")
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "seed", "--scale", scale]
        process = subprocess.Popen([*command, "--quiet"])  # noqa: S603 - our own command
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise CommandError("Seeding failed, see above.")
        peak = usage.ru_maxrss / 1024
        return [{"operation": "seeding", "mb": round(peak, 1), "more_mb": round(peak, 1)}]

    def _progress(self, what: str) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"\r\033[K{what}", ending="")
            self.stderr.flush()

    def _tell(self, result: Result, said: dict[str, Any], kept: Kept, seconds: float) -> None:
        self._progress("")
        self.stdout.write(table([_cells(line) for line in result.lines], HEADINGS))
        memory = [
            [one["operation"], f"{one['mb']:.0f} MB", f"+{one['more_mb']:.0f} MB"]
            for one in said["memory"]
        ]
        if memory:
            self.stdout.write("\n" + table(memory, ["memory", "peak", "more than before"]))
        self.stdout.write(
            f"\n{result.rounds} rounds in {seconds:.0f} s, times in ms; the reference took "
            f"{result.slower:.1f} times what it takes on a machine that is not busy.\n"
            f"{kept.report}"
        )
        for text in said["breaches"]:
            self.stderr.write(self.style.ERROR(text))
        self.stdout.write("Every budget holds." if not said["breaches"] else "Budgets are broken.")


def _cells(line: Line) -> list[str]:
    times = (line.p50, line.p95, line.p99, line.max)
    return [
        f"{line.name}, {line.temperature}",
        *(f"{ms:.2f}" for ms in times),
        f"{line.budget_p95:g}/{line.budget_p99:g}",
        f"{line.margin:.1f}×",
        "–" if line.buffers is None else str(line.buffers),
    ]


def _seeding_before(kept: Kept) -> list[dict[str, Any]]:
    """Return what seeding took in the run that seeded."""
    before = kept.all_sizes().get(kept.size, {"memory": []})
    return [one for one in before["memory"] if one["operation"] == "seeding"]
