"""A server, a worker and locust, each in processes of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from django.conf import settings
from django.core.management import call_command

from morpheus.db.transactions import write_transaction
from morpheus.embedded.supervisor import EmbeddedServices
from perf.lab.consistency.faults import Faults
from perf.lab.consistency.servers import Servers
from perf.lab.harness.databases import prepare_thumbnails
from perf.lab.load.profiles import PROFILES
from perf.lab.suite.timing import reference_ms, slowdown
from users.models import User
from users.services import token_create

# Seconds between two faults, the first included: so long everything works.
BETWEEN_FAULTS_S = 12.0
# So many runs of the reference tell how slow the machine is before the run.
REFERENCES = 300
# So many of the seeded members are logged in.
MEMBERS = 100
# A server that serves the same requests for longer may grow by this much, and no more.
MAX_GROWTH = 1.2

_WSGI = "morpheus.wsgi:application"
# Limits per caller are for strangers; here all callers have one address.
_UNLIMITED = {
    "MORPHEUS_HTTPS": "off",
    "MORPHEUS_THROTTLE_WRITES_PER_MINUTE": "1000000",
}


@dataclass
class Memory:
    """Resident bytes of the server, as they went: (seconds since the beginning, bytes)."""

    seen: list[tuple[float, int]] = field(default_factory=list)

    @property
    def growth(self) -> float:
        """Last fifth ÷ second fifth: by then everything that is loaded once is there."""
        fifth = max(1, len(self.seen) // 5)
        early = [size for _, size in self.seen[fifth : 2 * fifth]] or [1]
        late = [size for _, size in self.seen[-fifth:]] or [1]
        return (sum(late) / len(late)) / (sum(early) / len(early))


def prepare() -> list[str]:
    """Seed if there is nothing; return tokens of some members.

    Thumbnails are made, as in a database that others have read before: each is made once, by who
    is the first to look at it.
    """
    call_command("migrate", verbosity=0)
    call_command("seed", if_empty=True, quiet=True)
    prepare_thumbnails()
    with write_transaction(as_staff=True):
        members = list(User.objects.filter(is_superuser=False).order_by("pk")[:MEMBERS])
    return [_token_of(member) for member in members]


def _token_of(member: User) -> str:
    with write_transaction(as_user=member.pk):
        return token_create(user=member)[0]


def run_profile(
    profile: str,
    services: EmbeddedServices,
    *,
    users: int,
    seconds: int,
    tokens: list[str],
    reports: Path,
) -> tuple[int, Memory]:
    """Run a profile against a server of its own.

    Args:
        tokens: As `prepare` returns them.
        reports: Folder for the HTML page and the CSV files.

    Returns:
        locust's exit code, which is its verdict, and what memory the server had.
    """
    reports.mkdir(parents=True, exist_ok=True)
    # The clients get the last core: they shall not take the server's. The worker may have either.
    cores = sorted(os.sched_getaffinity(0))
    with _worker():
        os.sched_setaffinity(0, cores[:-1] or cores)
        try:
            with (
                Servers(1, application=_WSGI, environment=_UNLIMITED) as servers,
                _troubled(PROFILES[profile].faults, services, servers),
                _watched(servers) as memory,
            ):
                url = f"http://127.0.0.1:{servers.ports[0]}"
                code = _locust(profile, url, users, seconds, tokens, reports, core=cores[-1])
        finally:
            os.sched_setaffinity(0, cores)
    return code, memory


def _locust(
    profile: str,
    url: str,
    users: int,
    seconds: int,
    tokens: list[str],
    reports: Path,
    *,
    core: int,
) -> int:
    # Where the number of users changes, the profile says when it is over, and all of it counts.
    counted = ["--reset-stats", "--run-time", f"{seconds}s"]
    if PROFILES[profile].stages:
        counted = []
    command = [
        *(sys.executable, "-m", "locust", "-f", str(settings.BASE_DIR / "locustfile.py")),
        *("--headless", "--host", url, "--users", str(users), "--only-summary"),
        *("--spawn-rate", str(PROFILES[profile].spawn_per_s), *counted),
        *("--html", str(reports / f"{profile}.html"), "--csv", str(reports / profile)),
        *("--stop-timeout", "10"),
    ]
    environment = os.environ | {
        "LOAD_PROFILE": profile,
        "LOAD_TOKENS": " ".join(tokens),
        "LOAD_CORE": str(core),
        "LOAD_SLOWER": f"{slowdown([reference_ms() for _ in range(REFERENCES)]):.2f}",
    }
    return subprocess.run(command, env=environment, check=False).returncode  # noqa: S603


@contextmanager
def _worker() -> Iterator[None]:
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "worker"]
    process = subprocess.Popen(command)  # noqa: S603 - our own command line
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def _troubled(
    faults: Sequence[str], services: EmbeddedServices, servers: Servers
) -> Iterator[None]:
    """Make the faults in turn, again and again, while the block runs."""
    over = threading.Event()
    trouble = Faults(services, servers, seed=1)

    def go_on() -> None:
        while faults:
            for name in faults:
                if over.wait(BETWEEN_FAULTS_S):
                    return
                trouble.make(name)

    thread = threading.Thread(target=go_on, name="faults", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(60)


@contextmanager
def _watched(servers: Servers) -> Iterator[Memory]:
    """Look at the server's memory once a second while the block runs."""
    over, memory, began = threading.Event(), Memory(), time.monotonic()

    def look() -> None:
        while not over.wait(1.0):
            resident = sum(resident_bytes(pid) for pid in servers.pids)
            memory.seen.append((time.monotonic() - began, resident))

    thread = threading.Thread(target=look, name="memory", daemon=True)
    thread.start()
    try:
        yield memory
    finally:
        over.set()
        thread.join()


def resident_bytes(pid: int) -> int:
    """Return what a process and its children have in memory."""
    try:
        process = psutil.Process(pid)
        everyone = [process, *process.children(recursive=True)]
        return sum(each.memory_info().rss for each in everyone)
    except psutil.NoSuchProcess:
        return 0
