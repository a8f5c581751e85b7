"""Runs a profile: a server, a worker and locust, each in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from itertools import cycle
from pathlib import Path
from statistics import fmean

from django.conf import settings
from django.core.management import call_command

from morpheus.db.transactions import write_transaction
from morpheus.embedded.processes import die_with_parent
from morpheus.embedded.supervisor import EmbeddedServices
from perf.lab.consistency.faults import Faults
from perf.lab.example_requests import bearer
from perf.lab.harness.databases import seed_if_empty
from perf.lab.harness.measurements import resident_bytes
from perf.lab.harness.servers import UNLIMITED, Servers, running_worker
from perf.lab.harness.sessions import session_start
from perf.lab.load.profiles import PROFILES
from perf.lab.suite.timing import reference_ms, slowdown
from users.models import User
from users.services import token_create

# Seconds between two faults, and before the first one.
BETWEEN_FAULTS_S = 12.0
# Runs of the reference statement that tell how slow the machine is before the run.
REFERENCES = 300
# Number of seeded users with a token and a session.
MEMBERS = 100


def run_profile(
    profile: str,
    services: EmbeddedServices,
    *,
    users: int,
    seconds: int,
    reports: Path,
) -> tuple[int, list[int]]:
    """Run a profile against a server of its own; leave its page and tables in `reports`.

    Returns locust's exit code, which is its verdict, and the resident bytes of the server, once a
    second.
    """
    logins = _prepare_logins()
    reports.mkdir(parents=True, exist_ok=True)
    # Locust gets the last core, so that it takes none from the server; the worker may have any.
    cores = sorted(os.sched_getaffinity(0))
    with running_worker():
        os.sched_setaffinity(0, cores[:-1] or cores)
        try:
            with Servers(1, environment=UNLIMITED | {"MORPHEUS_HTTPS": "off"}) as servers:
                url = f"http://127.0.0.1:{servers.ports[0]}"
                environment = os.environ | {
                    "LOAD_PROFILE": profile,
                    "LOAD_LOGINS": json.dumps(logins),
                    "LOAD_CORE": str(cores[-1]),
                    "LOAD_SLOWDOWN": f"{slowdown([reference_ms() for _ in range(REFERENCES)]):.2f}",
                }
                locust = subprocess.Popen(  # noqa: S603
                    _make_command(profile, url, users, seconds, reports),
                    env=environment,
                    preexec_fn=die_with_parent,
                )
                memory = _watch(locust, profile, services, servers)
        finally:
            os.sched_setaffinity(0, cores)
    return locust.returncode, memory


def compute_growth(memory: list[int]) -> float:
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


def _make_command(profile: str, url: str, users: int, seconds: int, reports: Path) -> list[str]:
    # A profile with stages ends by itself and counts from its beginning.
    ending = ["--reset-stats", "--run-time", f"{seconds}s"]
    return [
        *(sys.executable, "-m", "locust", "-f", str(settings.BASE_DIR / "locustfile.py")),
        *("--headless", "--host", url, "--users", str(users), "--only-summary"),
        *("--spawn-rate", str(PROFILES[profile].spawn_per_s)),
        *([] if PROFILES[profile].stages else ending),
        *("--html", str(reports / f"{profile}.html"), "--csv", str(reports / profile)),
        *("--stop-timeout", "10"),
    ]


def _watch(
    locust: subprocess.Popen[bytes], profile: str, services: EmbeddedServices, servers: Servers
) -> list[int]:
    """Until locust ends, inject the profile's faults in turn; return the server's memory."""
    faults, names = Faults(services, servers), cycle(PROFILES[profile].faults)
    memory = []
    fault_at = time.monotonic() + BETWEEN_FAULTS_S
    while locust.poll() is None:
        memory.append(sum(resident_bytes(pid) for pid in servers.pids))
        time.sleep(1.0)
        if PROFILES[profile].faults and time.monotonic() >= fault_at:
            faults.inject(next(names))
            fault_at = time.monotonic() + BETWEEN_FAULTS_S
    return memory
