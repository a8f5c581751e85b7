"""Runs a profile: a server, a worker and locust, each in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.core.management import call_command

from morpheus.db.transactions import write_transaction
from morpheus.embedded.supervisor import EmbeddedServices
from perf.lab.consistency.faults import Faults
from perf.lab.harness.databases import seed_if_empty
from perf.lab.harness.measurements import resident_bytes
from perf.lab.harness.servers import UNLIMITED, Servers, running_worker
from perf.lab.load.profiles import PROFILES
from perf.lab.suite.timing import reference_ms, slowdown
from users.models import User
from users.services import token_create

# Seconds between two faults, and before the first one.
BETWEEN_FAULTS_S = 12.0
# Runs of the reference statement that tell how slow the machine is before the run.
REFERENCES = 300
# Number of seeded users with a token.
MEMBERS = 100


@dataclass
class Memory:
    """Resident bytes of the server, once a second."""

    samples: list[int] = field(default_factory=list)

    @property
    def growth(self) -> float:
        """Last fifth ÷ second fifth: by then everything that is loaded once is there."""
        fifth = max(1, len(self.samples) // 5)
        early = self.samples[fifth : 2 * fifth] or [1]
        late = self.samples[-fifth:] or [1]
        return (sum(late) / len(late)) / (sum(early) / len(early))

    @property
    def peak(self) -> int:
        return max(self.samples, default=0)


def _prepare_tokens() -> list[str]:
    """Seed an empty database; return tokens of some members."""
    call_command("migrate", verbosity=0)
    seed_if_empty()
    with write_transaction(as_staff=True):
        members = list(User.objects.filter(is_superuser=False).order_by("pk")[:MEMBERS])
    return [_make_token(member) for member in members]


def _make_token(member: User) -> str:
    with write_transaction(as_user=member.pk):
        return token_create(user=member)[0]


def run_profile(
    profile: str,
    services: EmbeddedServices,
    *,
    users: int,
    seconds: int,
    reports: Path,
) -> tuple[int, Memory]:
    """Run a profile against a server of its own; leave its page and tables in `reports`.

    Returns locust's exit code, which is its verdict, and the memory of the server.
    """
    tokens = _prepare_tokens()
    reports.mkdir(parents=True, exist_ok=True)
    # Locust gets the last core, so that it takes none from the server; the worker may have any.
    cores = sorted(os.sched_getaffinity(0))
    with running_worker():
        os.sched_setaffinity(0, cores[:-1] or cores)
        try:
            with (
                Servers(1, environment=UNLIMITED | {"MORPHEUS_HTTPS": "off"}) as servers,
                _injected_faults(PROFILES[profile].faults, services, servers),
                _sampled_memory(servers) as memory,
            ):
                url = f"http://127.0.0.1:{servers.ports[0]}"
                command = _make_command(profile, url, users, seconds, reports)
                environment = os.environ | {
                    "LOAD_PROFILE": profile,
                    "LOAD_TOKENS": " ".join(tokens),
                    "LOAD_CORE": str(cores[-1]),
                    "LOAD_SLOWDOWN": f"{slowdown([reference_ms() for _ in range(REFERENCES)]):.2f}",
                }
                locust = subprocess.run(command, env=environment, check=False)  # noqa: S603
        finally:
            os.sched_setaffinity(0, cores)
    return locust.returncode, memory


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


@contextmanager
def _injected_faults(
    names: Sequence[str], services: EmbeddedServices, servers: Servers
) -> Iterator[None]:
    """Inject the faults in turn, again and again, during the block."""
    stop = threading.Event()
    faults = Faults(services, servers)

    def inject() -> None:
        while names:
            for name in names:
                if stop.wait(BETWEEN_FAULTS_S):
                    return
                faults.inject(name)

    with _running_thread(inject, stop):
        yield


@contextmanager
def _sampled_memory(servers: Servers) -> Iterator[Memory]:
    """Read the server's memory once a second during the block."""
    stop, memory = threading.Event(), Memory()

    def sample() -> None:
        while not stop.wait(1.0):
            memory.samples.append(sum(resident_bytes(pid) for pid in servers.pids))

    with _running_thread(sample, stop):
        yield memory


@contextmanager
def _running_thread(target: Callable[[], None], stop: threading.Event) -> Iterator[None]:
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(60)
