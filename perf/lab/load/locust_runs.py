"""Runs of locust's users against a server and a worker of the tool's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.core.management import call_command

from morpheus.db.transactions import write_transaction
from morpheus.embedded.processes import die_with_parent
from perf.lab.example_requests import bearer
from perf.lab.harness.databases import seed_if_empty, session_start
from perf.lab.harness.servers import UNLIMITED, Servers, Worker
from perf.lab.load.profiles import PROFILES
from users.models import User
from users.services.tokens import token_create

# Number of seeded users with a token and a session.
MEMBERS = 100


class LoadRun(NamedTuple):
    """The processes of a run; the exit code of locust is its verdict."""

    servers: Servers
    worker: Worker
    locust: subprocess.Popen[bytes]


@contextmanager
def running_load(
    profile: str, *, users: int, seconds: int, reports: Path, environment: Mapping[str, str]
) -> Iterator[LoadRun]:
    """Run a worker, a server and locust for the block, each in processes of their own.

    Args:
        reports: Folder of locust's page and tables.
        environment: Of locust.
    """
    reports.mkdir(parents=True, exist_ok=True)
    command = _make_command(profile, users=users, seconds=seconds, reports=reports)
    # Locust gets the last core, so that it takes none from the server; the worker may have any.
    cores = sorted(os.sched_getaffinity(0))

    def prepare_locust() -> None:
        die_with_parent()
        os.sched_setaffinity(0, {cores[-1]})

    with Worker() as worker:
        os.sched_setaffinity(0, cores[:-1] or cores)
        try:
            with Servers(1, environment=UNLIMITED | {"MORPHEUS_HTTPS": "off"}) as servers:
                locust = subprocess.Popen(  # noqa: S603
                    [*command, "--host", f"http://127.0.0.1:{servers.ports[0]}"],
                    env={**os.environ, "LOAD_PROFILE": profile, **environment},
                    preexec_fn=prepare_locust,
                )
                yield LoadRun(servers, worker, locust)
        finally:
            os.sched_setaffinity(0, cores)


def prepare_logins() -> str:
    """Seed an empty database; return the `LOAD_LOGINS` of locust.

    These are headers of some members as JSON, by the kind of credential.
    """
    call_command("migrate", verbosity=0)
    seed_if_empty()
    with write_transaction(as_staff=True):
        members = list(User.objects.filter(is_superuser=False).order_by("pk")[:MEMBERS])
    logins = {
        "token": [bearer(token_create(user=member)[0]) for member in members],
        "session": [session_start(member) for member in members],
    }
    return json.dumps(logins)


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
