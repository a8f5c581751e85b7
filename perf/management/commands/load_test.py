"""Load a server with realistic users, and judge the run by the budgets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from statistics import fmean
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from morpheus.db.transactions import write_transaction
from morpheus.embedded.processes import die_with_parent
from morpheus.embedded.supervisor import EmbeddedServices
from perf.lab.consistency.faults import Faults
from perf.lab.example_requests import bearer
from perf.lab.harness.databases import own_services, seed_if_empty, session_start
from perf.lab.harness.measurements import resident_bytes
from perf.lab.harness.servers import UNLIMITED, Servers, running_worker
from perf.lab.load.profiles import PROFILES, Profile
from perf.lab.suite.timing import reference_ms, slowdown
from users.models import User
from users.services import token_create

# A server that serves the same requests for longer may grow by this much.
MAX_GROWTH = 1.2
# Seconds between two faults, and before the first one.
BETWEEN_FAULTS_S = 12.0
# Runs of the reference statement that tell how slow the machine is before the run.
REFERENCES = 300
# Number of seeded users with a token and a session.
MEMBERS = 100


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
        reports = settings.MORPHEUS_VAR / "reports"
        reports.mkdir(parents=True, exist_ok=True)
        locust = _make_command(
            profile,
            users=users or PROFILES[profile].users,
            seconds=seconds or PROFILES[profile].seconds,
            reports=reports,
        )
        with own_services() as services:
            environment = {
                "LOAD_PROFILE": profile,
                "LOAD_LOGINS": json.dumps(_prepare_logins()),
                "LOAD_SLOWDOWN": f"{slowdown([reference_ms() for _ in range(REFERENCES)]):.2f}",
            }
            code, memory = _run(locust, environment, services, PROFILES[profile])
        growth = _compute_growth(memory)
        self.stdout.write(
            f"Server: at most {max(memory) / 2**20:,.0f} MiB, last fifth ÷ second fifth "
            f"{growth:.2f}. Reports: {reports / profile}.html and .csv"
        )
        # Shorter runs still fill caches and import modules.
        has_grown = profile == "soak" and growth > MAX_GROWTH
        if has_grown:
            self.stdout.write(f"FAIL  The server's memory may grow to {MAX_GROWTH} times.")
        if code or has_grown:
            sys.exit(1)


def _run(
    locust: list[str], environment: dict[str, str], services: EmbeddedServices, profile: Profile
) -> tuple[int, list[int]]:
    """Run locust, a worker and a server, each in processes of their own.

    Returns locust's exit code, which is its verdict, and the resident bytes of the server, once a
    second.
    """
    # Locust gets the last core, so that it takes none from the server; the worker may have any.
    cores = sorted(os.sched_getaffinity(0))

    def prepare_locust() -> None:
        die_with_parent()
        os.sched_setaffinity(0, {cores[-1]})

    with running_worker():
        os.sched_setaffinity(0, cores[:-1] or cores)
        try:
            with Servers(1, environment=UNLIMITED | {"MORPHEUS_HTTPS": "off"}) as servers:
                process = subprocess.Popen(  # noqa: S603
                    [*locust, "--host", f"http://127.0.0.1:{servers.ports[0]}"],
                    env=os.environ | environment,
                    preexec_fn=prepare_locust,
                )
                memory = _watch(process, profile.faults, Faults(services, servers), servers)
        finally:
            os.sched_setaffinity(0, cores)
    return process.returncode, memory


def _compute_growth(memory: list[int]) -> float:
    """Return last fifth ÷ second fifth: by then everything that is loaded once is there."""
    fifth = max(1, len(memory) // 5)
    return fmean(memory[-fifth:]) / fmean(memory[fifth : 2 * fifth] or memory)


def _prepare_logins() -> dict[str, list[dict[str, str]]]:
    """Seed an empty database; return headers of some members, by the kind of credential."""
    call_command("migrate", verbosity=0)
    seed_if_empty()
    with write_transaction(as_staff=True):
        members = list(User.objects.filter(is_superuser=False).order_by("pk")[:MEMBERS])
    return {
        "token": [bearer(token_create(user=member)[0]) for member in members],
        "session": [session_start(member) for member in members],
    }


def _make_command(profile: str, *, users: int, seconds: int, reports: Path) -> list[str]:
    # A profile with stages ends by itself and counts from its beginning.
    ending = ["--reset-stats", "--run-time", f"{seconds}s"]
    return [
        *(sys.executable, "-m", "locust", "-f", str(settings.BASE_DIR / "locustfile.py")),
        *("--headless", "--users", str(users), "--only-summary"),
        *("--spawn-rate", str(PROFILES[profile].spawn_per_s)),
        *([] if PROFILES[profile].stages else ending),
        *("--html", str(reports / f"{profile}.html"), "--csv", str(reports / profile)),
        *("--stop-timeout", "10"),
    ]


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
