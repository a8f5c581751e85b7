from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from morpheus.embedded.guard_client import read_record, stop_services
from morpheus.embedded.paths import ServiceError, find_paths
from morpheus.embedded.supervisor import EmbeddedServices

from .conftest import servers_of, wait_until


def query(services: EmbeddedServices, statement: str) -> str:
    url = services.addresses.database_url("postgres", "morpheus")
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(statement.encode()).fetchone()
    return str(row[0]) if row else ""


def valkey(services: EmbeddedServices, db: int = 0) -> redis.Redis:
    return redis.Redis.from_url(services.addresses.redis_url(db), decode_responses=True)


def test_data_survive_a_restart(var: Path) -> None:
    with EmbeddedServices(var) as services:
        url = services.addresses.database_url("morpheus_owner")
        with psycopg.connect(url) as connection, valkey(services, 63) as client:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
            client.set("kept", "42")
    assert servers_of(services) == []

    with EmbeddedServices(var) as services:
        assert query(services, "SELECT answer FROM kept") == "42"
        with valkey(services, 63) as client:
            assert client.get("kept") == "42"


def test_a_second_start_uses_what_runs_and_leaves_it_running(shared: EmbeddedServices) -> None:
    before = {process.pid for process in servers_of(shared)}

    with EmbeddedServices(shared.var):
        pass

    assert {process.pid for process in servers_of(shared)} == before
    assert query(shared, "SELECT 1") == "1"


def test_two_vars_run_side_by_side(shared: EmbeddedServices, var: Path) -> None:
    with EmbeddedServices(var, durable=False) as other, valkey(other) as client:
        client.set("mine", "1")
        with valkey(shared) as neighbour:
            assert neighbour.get("mine") is None
        cluster = "SELECT system_identifier FROM pg_control_system()"
        assert query(other, cluster) != query(shared, cluster)


def test_only_wanted_services_start(var: Path) -> None:
    with EmbeddedServices(var, wanted=("valkey",)) as services:
        assert [status.name for status in services.status() if status.is_up] == ["valkey"]
        assert not (find_paths(var).postgres_data).exists()
        with pytest.raises(ServiceError, match="already run, without postgres"):
            EmbeddedServices(var).start()


def test_the_servers_are_set_up_as_documented(shared: EmbeddedServices) -> None:
    assert query(shared, "SHOW listen_addresses") == ""
    assert query(shared, "SHOW timezone") == "UTC"
    assert query(shared, "SHOW server_encoding") == "UTF8"
    assert query(shared, "SHOW shared_preload_libraries") == "pg_stat_statements,auto_explain"
    assert query(shared, "SELECT count(*) > 0 FROM pg_stat_statements") == "True"
    assert query(shared, "SELECT lower('ÄÖÜ') || ('a' < 'B')::text") == "äöüfalse"
    with valkey(shared) as client:
        configuration = client.config_get("*")
    assert configuration["port"] == "0"
    assert configuration["databases"] == "256"
    assert configuration["maxmemory"] == str(256 * 1024 * 1024)
    assert configuration["maxmemory-policy"] == "allkeys-lru"


def test_a_killed_postgres_comes_back_by_itself(var: Path) -> None:
    with EmbeddedServices(var, durable=False) as services:
        pid = read_record(var)["services"]["postgres"]
        os.kill(pid, signal.SIGKILL)

        assert wait_until(lambda: read_record(var)["services"]["postgres"] != pid)
        assert wait_until(lambda: all(status.is_up for status in services.status()))


def test_a_pid_file_with_the_pid_of_another_process_is_healed(var: Path) -> None:
    with EmbeddedServices(var, durable=False) as services:
        state = find_paths(var)
        files = [
            state.postgres_data / "postmaster.pid",
            services.addresses.socket_dir / ".s.PGSQL.5432.lock",
        ]
        contents = [file.read_text().split("\n", 1)[1] for file in files]
    user: dict[str, Any] = {"user": state.user.pw_uid} if state.user else {}
    with subprocess.Popen(["sleep", "60"], **user) as stranger:
        for file, content in zip(files, contents, strict=True):
            file.write_text(f"{stranger.pid}\n{content}")

        with EmbeddedServices(var, durable=False) as services:
            assert query(services, "SELECT 1") == "1"

        assert stranger.poll() is None
        stranger.kill()


def test_services_go_when_their_folder_is_deleted(var: Path) -> None:
    services = EmbeddedServices(var, durable=False).start(detached=True)

    while var.exists():  # The servers may still make and remove files meanwhile.
        shutil.rmtree(var, ignore_errors=True)

    assert wait_until(lambda: servers_of(services) == [])


def test_another_process_stops_detached_services(var: Path) -> None:
    services = EmbeddedServices(var, durable=False).start(detached=True)
    with EmbeddedServices(var):
        pass
    services.stop()
    assert all(status.is_up for status in services.status())

    assert stop_services(var) is True
    assert servers_of(services) == []
    assert stop_services(var) is False


def test_a_server_that_cannot_start_says_why(var: Path) -> None:
    with EmbeddedServices(var, wanted=("valkey",)):
        pass
    (var / "valkey" / "dump.rdb").write_bytes(b"not a snapshot")

    with pytest.raises(ServiceError, match="valkey does not start:(.|\n)*Wrong signature"):
        EmbeddedServices(var, wanted=("valkey",)).start()
