"""Morpheus behind PgBouncer in transaction mode: sessions are shared, identities are not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
import pytest

from morpheus.worker.lease import LEASE_S
from tests.serving import REPOSITORY, Client, Server, wait_until

from .pgbouncer import SESSIONS, PgBouncer

THREADS = 8
ROUNDS = 40


@contextmanager
def worker(environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "manage.py", "worker", "--interval", "0.1"]
    with subprocess.Popen(command, cwd=REPOSITORY, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def upload(client: Client) -> str:
    """Upload a novel and return the path of its status."""
    body = (
        b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n'
        b"Content-Type: text/plain\r\n\r\nCHAPTER 1\n\nOnce upon a time.\r\n--edge--\r\n"
    )
    kind = {"Content-Type": "multipart/form-data; boundary=edge"}
    response = client.send("POST", "/novels/", body, **kind)
    assert response.status == 201, response.body
    return f"/novels/{response.json['id']}/status/"


def seconds_to_expiry(postgres: psycopg.Connection) -> float:
    """Return how long the worker's lease is still valid; the test's worker is the only one."""
    row = postgres.execute(
        "SELECT extract(epoch FROM max(expires_at) - clock_timestamp())::float8 FROM worker_lease"
    ).fetchone()
    return row[0] if row and row[0] else 0.0


def run_concurrently(*calls: Callable[[], Any]) -> list[Any]:
    """Call everything many times, in more threads than PgBouncer has sessions."""
    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(lambda call: call(), calls * ROUNDS))


def test_users_keep_their_identities_on_shared_sessions(
    server: Server, clients: list[Client], emails: list[str], postgres: psycopg.Connection
) -> None:
    def me(index: int) -> Callable[[], Any]:
        return lambda: (clients[index].get("/users/me/").json["email"], emails[index])

    public = [server.get("/novels/").body, server.get("/comics/").body]
    results = run_concurrently(
        me(0),
        me(1),
        lambda: (server.get("/novels/").body, public[0]),
        lambda: (server.get("/comics/").body, public[1]),
        lambda: (server.get("/search/?q=the").status, 200),
        lambda: (clients[0].get("/users/me/dashboard/").status, 200),
    )

    assert len(results) == 6 * ROUNDS
    assert all(value == expected for value, expected in results)
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'morpheus_app'"
    assert postgres.execute(sessions).fetchone() == (SESSIONS,)


def test_only_its_writer_sees_a_private_comic(clients: list[Client]) -> None:
    ann, bob = clients

    def write_and_read() -> tuple[int, int, int]:
        response = ann.send("POST", "/comics/", {"title": "Mine", "visibility": "private"})
        path = f"/comics/{response.json['id']}/"
        return response.status, ann.get(path).status, bob.get(path).status

    assert set(run_concurrently(write_and_read)) == {(201, 200, 404)}


def test_the_limits_of_pgbouncer_apply_to_requests(
    server: Server, postgres: psycopg.Connection
) -> None:
    with postgres.transaction():
        postgres.execute("LOCK TABLE novels_novel")
        locked = server.get("/novels/")

    assert (locked.status, locked.headers["Retry-After"]) == (503, "2")
    assert server.get("/novels/").status == 200


def test_a_request_without_a_session_is_503_and_the_next_one_succeeds(
    server: Server, pgbouncer: PgBouncer
) -> None:
    with ExitStack() as stack:
        for _ in range(SESSIONS):
            connection = stack.enter_context(psycopg.connect(pgbouncer.url()))
            connection.execute("SELECT 1")
        with ThreadPoolExecutor(2) as threads:
            refused = list(threads.map(server.get, ["/novels/", "/comics/"]))

    assert {response.status for response in refused} == {503}
    assert all(response.headers["Retry-After"] for response in refused)
    assert {response.status for response in run_concurrently(lambda: server.get("/novels/"))} == {
        200
    }


def test_requests_succeed_after_a_restart_of_pgbouncer(
    server: Server, clients: list[Client], pgbouncer: PgBouncer
) -> None:
    run_concurrently(lambda: server.get("/novels/"))

    pgbouncer.stop()
    pgbouncer.start()

    assert server.get("/novels/").status == 200
    assert {
        response.status for response in run_concurrently(lambda: clients[0].get("/users/me/"))
    } == {200}


def test_an_upload_is_parsed_by_a_worker_with_a_lease(
    clients: list[Client],
    behind: dict[str, str],
    pgbouncer: PgBouncer,
    postgres: psycopg.Connection,
) -> None:
    tasks = behind | {"DATABASE_URL": pgbouncer.url("tasks")}

    with worker(tasks):
        status = upload(clients[0])
        wait_until(lambda: clients[0].get(status).json["state"] == "completed")
        run_concurrently(lambda: clients[1].get("/users/me/"))
        assert 0 < seconds_to_expiry(postgres) <= LEASE_S


@pytest.mark.parametrize(("setting", "warns"), [("on", False), ("off", True)])
def test_a_pooler_without_its_setting_is_reported(
    behind: dict[str, str], setting: str, warns: bool
) -> None:
    result = subprocess.run(
        [sys.executable, "manage.py", "check", "--database", "default"],
        cwd=REPOSITORY,
        env=behind | {"MORPHEUS_PGBOUNCER": setting},
        capture_output=True,
        text=True,
    )

    assert result.returncode == 0, result.stderr
    assert ("morpheus.W010" in result.stderr) is warns, result.stderr
