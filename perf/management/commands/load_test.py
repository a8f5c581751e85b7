"""Load a server with realistic users, and judge the run by the budgets."""

from __future__ import annotations

import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from itertools import cycle
from statistics import fmean
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from perf.lab.consistency.faults import Faults
from perf.lab.harness.databases import own_services
from perf.lab.harness.measurements import resident_bytes
from perf.lab.harness.servers import Servers
from perf.lab.load.locust_runs import prepare_logins, running_load
from perf.lab.load.profiles import PROFILES
from perf.lab.suite.timing import reference_ms, slowdown

# Seconds between two faults, and before the first one.
BETWEEN_FAULTS_S = 12.0
# Runs of the reference statement that tell how slow the machine is before the run.
REFERENCES = 300


class Command(BaseCommand):
    help = (
        "Start a server on the data of MORPHEUS_VAR, seeded if empty, and load it with locust's "
        "users. Exit code 1 if the run does not keep perf/budgets.toml."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--profile", choices=PROFILES, default="steady")
        parser.add_argument("--users", type=int, help="by default those of the profile")
        parser.add_argument("--seconds", type=int, help="by default those of the profile")

    def handle(
        self, *, profile: str, users: int | None, seconds: int | None, **options: Any
    ) -> None:
        chosen = PROFILES[profile]
        reports = settings.MORPHEUS_VAR / "reports"
        with own_services() as services:
            environment = {
                "LOAD_LOGINS": prepare_logins(),
                "LOAD_SLOWDOWN": f"{slowdown([reference_ms() for _ in range(REFERENCES)]):.2f}",
            }
            with running_load(
                profile,
                users=users or chosen.users,
                seconds=seconds or chosen.seconds,
                reports=reports,
                environment=environment,
            ) as run:
                faults = Faults(services, run.servers)
                memory = _watch(run.locust, chosen.faults, faults, run.servers)
        self.stdout.write(
            f"Server: {fmean(memory) / 2**20:,.0f} MiB, at most {max(memory) / 2**20:,.0f}. "
            f"Reports: {reports / profile}.html and .csv"
        )
        if run.locust.returncode:
            sys.exit(1)


def _watch(
    locust: subprocess.Popen[bytes], names: Sequence[str], faults: Faults, servers: Servers
) -> list[int]:
    """Until locust ends, inject these faults in turn; return the server's memory."""
    turns, fault_at = cycle(names), time.monotonic() + BETWEEN_FAULTS_S
    memory = []
    while locust.poll() is None:
        memory.append(sum(resident_bytes(pid) for pid in servers.pids))
        time.sleep(1.0)
        if names and time.monotonic() >= fault_at:
            faults.inject(next(turns))
            fault_at = time.monotonic() + BETWEEN_FAULTS_S
    return memory
