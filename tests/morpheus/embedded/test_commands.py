"""`manage.py services` as an operator calls it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from morpheus.embedded.roles import APP, LOADER, OWNER, build_script
from morpheus.embedded.supervisor import EmbeddedServices

from .conftest import REPOSITORY, servers_of
from .small_project import environment

Services = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def services(project: Path, var: Path) -> Services:
    def call(*arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", "services", *arguments],
            cwd=project,
            env=environment(var, REPOSITORY) | extra,
            capture_output=True,
            text=True,
            check=False,
        )

    return call


def test_up_status_down(services: Services, var: Path) -> None:
    assert services("status").returncode == 3

    up = services("up")
    status = services("status")
    down = services("down")

    assert (up.returncode, status.returncode, down.returncode) == (0, 0, 0)
    assert up.stdout == status.stdout
    postgres, valkey = status.stdout.splitlines()
    assert postgres.startswith("postgres: up, PostgreSQL 1")
    assert valkey.startswith(("valkey: up, Valkey 9", "valkey: up, Redis "))
    assert servers_of(EmbeddedServices(var)) == []
    assert services("status").returncode == 3


def test_nothing_embedded_starts_beside_real_servers(
    services: Services, shared: EmbeddedServices, var: Path
) -> None:
    urls = {
        "DATABASE_URL": shared.addresses.database_url(APP),
        "REDIS_URL": shared.addresses.redis_url(0),
    }

    up = services("up", **urls)

    assert up.returncode == 0
    assert up.stdout.splitlines() == [
        "postgres: not embedded, the server of DATABASE_URL",
        "valkey: not embedded, the server of REDIS_URL",
    ]
    assert servers_of(EmbeddedServices(var)) == []


def test_with_runs_a_command_and_stops_what_it_started(services: Services, var: Path) -> None:
    done = services("with", "seed", "--if-empty")
    failed = services("with", "seed", FAILING_STEP="seed")

    assert done.returncode == 0
    assert done.stdout.splitlines() == ["step migrate", "step seed"]
    assert failed.returncode == 5
    assert servers_of(EmbeddedServices(var)) == []


def test_roles_come_as_sql_or_at_once(services: Services, shared: EmbeddedServices) -> None:
    admin_url = shared.addresses.database_url("postgres", "postgres")

    printed = services("roles", "--sql")
    refused = services("roles", DATABASE_URL=shared.addresses.database_url(APP, "other"))
    made = services(
        "roles",
        DATABASE_URL=shared.addresses.database_url(APP, "other"),
        DATABASE_ADMIN_URL=admin_url,
    )

    assert printed.stdout == build_script()
    assert refused.returncode == 1
    assert "DATABASE_ADMIN_URL" in refused.stderr
    assert made.stdout == f"{OWNER}, {APP}, {LOADER} and database other are ready.\n"
