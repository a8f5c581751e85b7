"""compose.yaml: accepted by its own tool, and its servers' configuration by real servers."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from morpheus.embedded.guard import Service
from morpheus.embedded.guard_client import GuardedServices
from morpheus.embedded.paths import find_paths
from morpheus.embedded.supervisor import EmbeddedServices
from tests.serving import PATIENCE_S, REPOSITORY, environment, wait_until

from .compose import COMPOSE, EXAMPLE, PASSWORD, ComposePostgres, read_compose
from .nginx import free_port

PROFILES = ("replica", "pgbouncer", "monitoring")


def compose(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Debian's docker-compose, or the plugin of Docker."""
    program = ["docker-compose"] if shutil.which("docker-compose") else ["docker", "compose"]
    if shutil.which(program[0]) is None:
        pytest.fail("There is no docker-compose: apt-get install docker-compose.", pytrace=False)
    profiles = [f"--profile={name}" for name in PROFILES]
    command = [*program, "--file", str(COMPOSE), *profiles, *arguments]
    # Variables of the environment would have precedence over the file.
    return subprocess.run(
        command, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False
    )


def test_its_own_tool_accepts_it() -> None:
    response = compose("--env-file", str(EXAMPLE), "config")
    assert response.returncode == 0, response.stderr

    services = yaml.safe_load(response.stdout)["services"]
    expected = {"setup", "web1", "web2", "events", "worker", "nginx", "replica", "grafana"}
    assert expected <= services.keys()
    web = services["web1"]
    assert web["read_only"] and web["cap_drop"] == ["ALL"]
    assert "change-me@postgres:5432/morpheus" in web["environment"]["DATABASE_URL"]
    # Only the service that migrates has these logins.
    with_owner = [
        name for name, each in services.items() if "OWNER" in str(each.get("environment"))
    ]
    assert with_owner == ["setup"]


def test_without_its_secrets_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.env").touch()

    response = compose("--env-file", str(tmp_path / "empty.env"), "config")

    assert response.returncode != 0 and "APP_PASSWORD" in response.stderr


def test_each_variable_is_a_setting_and_each_file_exists() -> None:
    settings = set(re.findall(r"^#?([A-Z_]+)=", (REPOSITORY / ".env.example").read_text(), re.M))
    services = read_compose()
    for name in ("setup", "web1", "events", "worker"):
        assert services[name]["environment"].keys() <= settings | {"DATABASE_ADMIN_URL"}

    mounts = [
        volume.split(":")[0] for each in services.values() for volume in each.get("volumes", [])
    ]
    files = {mount for mount in mounts if mount.startswith("./")} - {"./ops/compose/tls"}
    assert len(files) > 8 and all((REPOSITORY / file).exists() for file in files)


def test_the_upstream_of_containers_differs_in_its_servers_only() -> None:
    here, there = (
        re.sub(
            "^#.*|server .*?( max_fails)",
            r"\1",
            (REPOSITORY / "ops" / file).read_text(),
            flags=re.M,
        )
        for file in ("nginx/upstream.conf", "compose/upstream.conf")
    )
    assert here == there


def test_the_files_of_grafana_are_well_formed() -> None:
    folder = REPOSITORY / "ops" / "grafana"
    [datasource] = yaml.safe_load((folder / "datasources.yml").read_text())["datasources"]
    [provider] = yaml.safe_load((folder / "dashboards.yml").read_text())["providers"]
    grafana = read_compose()["grafana"]

    assert datasource["url"].removeprefix("$") in grafana["environment"]
    path = f"{provider['options']['path']}/morpheus.json:ro"
    assert any(volume.endswith(path) for volume in grafana["volumes"])
    assert json.loads((folder / "morpheus.json").read_text())["panels"]


@pytest.fixture(scope="module")
def primary(services: EmbeddedServices) -> Iterator[ComposePostgres]:
    """PostgreSQL as compose starts it, after the steps of the service `setup`."""
    primary = ComposePostgres(services, "postgres", free_port())
    primary.initialize()
    primary.start()
    try:
        run_setup(primary, services)
        yield primary
    finally:
        primary.stop()


def run_setup(primary: ComposePostgres, services: EmbeddedServices) -> None:
    urls = {
        "DATABASE_URL": primary.url("morpheus_app", "morpheus"),
        "DATABASE_OWNER_URL": primary.url("morpheus_owner", "morpheus"),
        "DATABASE_ADMIN_URL": primary.url("postgres", "postgres"),
    }
    steps = re.findall(r"manage\.py (.+)", read_compose()["setup"]["command"][0])
    assert steps == ["services roles", "migrate"]
    for step in steps:
        result = subprocess.run(
            [sys.executable, "manage.py", *step.split()],
            cwd=REPOSITORY,
            env=environment(services.var, **urls),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert result.returncode == 0, result.stdout


def test_postgresql_runs_with_the_configuration_and_needs_passwords(
    primary: ComposePostgres,
) -> None:
    with psycopg.connect(primary.url("morpheus_app", "morpheus")) as connection:
        assert connection.execute("SELECT count(*) FROM novels_novel").fetchone() == (0,)
        assert connection.execute("SHOW wal_compression").fetchone() != ("off",)

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(primary.url("morpheus_app", "morpheus", password="wrong"))


def test_a_replica_copies_the_primary_and_follows_it(
    primary: ComposePostgres, services: EmbeddedServices
) -> None:
    with psycopg.connect(primary.url("postgres", "postgres"), autocommit=True) as administrator:
        administrator.execute(
            f"CREATE ROLE morpheus_replication REPLICATION LOGIN PASSWORD '{PASSWORD}'"
        )
    replica = ComposePostgres(services, "replica", free_port())
    script = read_compose()["replica"]["entrypoint"]
    source = primary.url("morpheus_replication", "")

    for _ in range(2):  # The second start finds its data.
        replica.start(*script, PRIMARY=source)
        try:
            with psycopg.connect(primary.url("postgres", "postgres")) as connection:
                connection.execute("CREATE TABLE IF NOT EXISTS copied ()")
            wait_until(lambda: has_table(replica, "copied"))
        finally:
            replica.stop()


def has_table(server: ComposePostgres, name: str) -> bool:
    with psycopg.connect(server.url("postgres", "postgres")) as connection:
        rows = connection.execute("SELECT to_regclass(%s), pg_is_in_recovery()", [name]).fetchone()
    return rows == (name, True)


def test_pgbouncer_starts_with_the_configuration(
    primary: ComposePostgres, services: EmbeddedServices, tmp_path: Path
) -> None:
    port = free_port()
    folder = services.addresses.socket_dir
    places = {
        "host=postgres": f"host=127.0.0.1 port={primary.port}",
        "listen_port = 6432": f"listen_port = {port}",
        # First, because the folder is in /tmp as well.
        "/tmp": str(folder),  # noqa: S108 - of the container
        "/etc/pgbouncer/morpheus": str(folder),
    }
    for file in (REPOSITORY / "ops" / "pgbouncer").iterdir():
        text = file.read_text()
        for here, there in places.items():
            text = text.replace(here, there)
        (folder / file.name).write_text(text)
        (folder / file.name).chmod(0o644)
    user = find_paths(services.var).user
    service = Service(
        name="pgbouncer",
        command=["/bin/sh", str(folder / "start.sh")],
        log=services.var / "compose-pgbouncer.log",
        signals=[signal.SIGINT],
        patience_s=PATIENCE_S,
        environment={"PATH": "/usr/sbin:/usr/bin:/bin", "APP_PASSWORD": PASSWORD},
        uid=user.pw_uid if user else None,
        gid=user.pw_gid if user else None,
    )
    guarded = GuardedServices([service])
    url = f"postgresql://morpheus_app:{PASSWORD}@127.0.0.1:{port}/morpheus"
    try:
        wait_until(lambda: is_listening(port))
        with psycopg.connect(url, prepare_threshold=None) as connection:
            assert connection.execute("SHOW lock_timeout").fetchone() == ("3s",)
    finally:
        guarded.stop()


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_valkey_starts_with_the_command(services: EmbeddedServices, tmp_path: Path) -> None:
    written: list[Any] = read_compose()["valkey"]["command"]
    values = {"${VALKEY_PASSWORD:?}": PASSWORD, "${VALKEY_MEMORY:-256mb}": "256mb"}
    command = [values.get(part, part) for part in written]
    port = free_port()
    program = str(find_paths(services.var).valkey_server)
    with subprocess.Popen(
        [program, *command[1:], "--port", str(port), "--bind", "127.0.0.1"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
    ) as server:
        try:
            wait_until(lambda: is_listening(port))
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(f"GET a\r\nAUTH {PASSWORD}\r\nCONFIG GET maxmemory\r\n".encode())
                received = b""
                while b"268435456" not in received:
                    received += client.recv(4096)
        finally:
            server.terminate()
    assert received.startswith(b"-NOAUTH") and b"+OK" in received
