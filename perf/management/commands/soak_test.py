"""Load a server for an hour with faults, and judge whether anything grows or is stale."""

from __future__ import annotations

import subprocess
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from perf.lab.consistency import phases
from perf.lab.consistency.check import Verdict
from perf.lab.consistency.clients import Load
from perf.lab.consistency.database import Size, build_scene
from perf.lab.harness.databases import own_services
from perf.lab.harness.tables import Table
from perf.lab.load.flatness import draw_figures
from perf.lab.load.locust_runs import prepare_logins, running_load
from perf.lab.load.profiles import PROFILES
from perf.lab.load.soak import Soak, read_history

# An hour has fifteen faults; a shorter run has as many, but not more often than this.
FAULTS = 15
MIN_BETWEEN_S = 30.0
# Beside the users, clients that check what they read; slow, to leave the server to the users.
CHECKERS = 2
PAUSE_S = 0.5
# The users begin so much before the checker, at most.
START_S = 60.0
TABLE = Table("figure|second fifth|last fifth|limit".split("|"), first_width=32)


class Command(BaseCommand):
    help = (
        "Load a server on the data of MORPHEUS_VAR, seeded if empty, with the users of load_test, "
        "and inject faults. Exit code 1 if memory, connections, file descriptors, disk or latency "
        "grow, a read is stale, or too many requests fail."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--minutes", type=float, default=60.0)
        parser.add_argument("--users", type=int, default=PROFILES["soak"].users)
        parser.add_argument("--chart", type=Path, help="by default in the folder of reports")

    def handle(self, *, minutes: float, users: int, chart: Path | None, **options: Any) -> None:
        seconds, reports = minutes * 60, settings.MORPHEUS_VAR / "reports"
        history = reports / "soak_stats_history.csv"
        history.unlink(missing_ok=True)
        with own_services() as services:
            logins = {"LOAD_LOGINS": prepare_logins()}
            with running_load(
                "soak",
                users=users,
                seconds=int(seconds + START_S),
                reports=reports,
                environment=logins,
            ) as run:
                _wait_for_users(run.locust, history)
                scene = build_scene(Size(), is_alone=False)
                soak = Soak(services, run, max(MIN_BETWEEN_S, seconds / FAULTS))
                load = Load(run.servers.ports, CHECKERS, seconds=seconds, pause_s=PAUSE_S)
                verdict = phases.run(scene, load, soak.step, is_alone=False)
                run.locust.wait()
        soak.add_latency(history)
        for at_s, name in soak.faults:
            self.stdout.write(f"{at_s:6,.0f} s  {name}")
        are_ok = [self._print_figures(soak, seconds), self._print_reads(verdict)]
        moments = [at_s for at_s, _ in soak.faults]
        title = f"{minutes:g} minutes, {users} users, {len(moments)} faults (dashed lines)"
        chart = chart or reports / "soak.svg"
        chart.write_text(draw_figures([*soak.figures.values()], seconds, title, moments))
        self.stdout.write(f"Chart: {chart}")
        if not all(are_ok) or run.locust.returncode:
            sys.exit(1)

    def _print_figures(self, soak: Soak, seconds: float) -> bool:
        self.stdout.write(TABLE.heading)
        for figure in soak.figures.values():
            values = (*(figure.median_of_fifth(n, seconds) for n in (2, 5)), figure.limit(seconds))
            verdict = "ok" if figure.is_flat(seconds) else "FAIL"
            cells = [f"{value:,.0f}" for value in values]
            self.stdout.write(TABLE.row(figure.name, *cells, figure.unit.ljust(3), verdict))
        return bool(soak.figures) and all(each.is_flat(seconds) for each in soak.figures.values())

    def _print_reads(self, verdict: Verdict) -> bool:
        is_ok = verdict.reads > 0 and not verdict.violations
        self.stdout.write(
            f"{verdict.reads:,} checked reads of {verdict.values:,} values, {verdict.writes:,} "
            f"writes, {verdict.failures.total():,} failed, {verdict.wrong_reads:,} wrong: "
            f"{'ok' if is_ok else 'FAIL'}"
        )
        for violation in verdict.examples:
            self.stdout.write(f"    {violation}")
        return is_ok


def _wait_for_users(locust: subprocess.Popen[bytes], history: Path) -> None:
    """Wait until users are there: locust has then read the ids, which must not be the checker's.

    Raises:
        CommandError: None is there in time.
    """
    deadline = time.monotonic() + START_S
    while not any(row["User Count"] != "0" for row in read_history(history)):
        if locust.poll() is not None or time.monotonic() > deadline:
            raise CommandError("locust does not start; its output says why.")
        time.sleep(0.5)
