"""Morpheus behind a PgBouncer in transaction mode: everything works, and nothing is mixed up."""

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
    made = client.send("POST", "/novels/", body, **kind)
    assert made.status == 201, made.body
    return f"/novels/{made.json['id']}/status/"


def seconds_to_expiry(postgres: psycopg.Connection) -> float:
    """Return how long the worker's lease is still valid; the test's worker is the only one."""
    row = postgres.execute(
        "SELECT extract(epoch FROM max(expires_at) - clock_timestamp())::float8 FROM worker_lease"
    ).fetchone()
    return row[0] if row and row[0] else 0.0


def at_once(*asked: Callable[[], Any]) -> list[Any]:
    """Ask everything many times over, by more threads than PgBouncer has sessions."""
    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(lambda ask: ask(), asked * ROUNDS))


def test_everybody_reads_as_themselves_though_all_share_a_few_sessions(
    server: Server, clients: list[Client], emails: list[str], postgres: psycopg.Connection
) -> None:
    def me(index: int) -> Callable[[], Any]:
        return lambda: (clients[index].get("/users/me/").json["email"], emails[index])

    public = [server.get("/novels/").body, server.get("/comics/").body]
    answers = at_once(
        me(0),
        me(1),
        lambda: (server.get("/novels/").body, public[0]),
        lambda: (server.get("/comics/").body, public[1]),
        lambda: (server.get("/search/?q=the").status, 200),
        lambda: (clients[0].get("/users/me/dashboard/").status, 200),
    )

    assert len(answers) == 6 * ROUNDS
    assert all(found == expected for found, expected in answers)
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'morpheus_app'"
    assert postgres.execute(sessions).fetchone() == (SESSIONS,)


def test_writers_see_what_they_wrote_and_nobody_else_does(clients: list[Client]) -> None:
    ann, bob = clients

    def write_and_read() -> tuple[int, int, int]:
        made = ann.send("POST", "/comics/", {"title": "Mine", "visibility": "private"})
        path = f"/comics/{made.json['id']}/"
        return made.status, ann.get(path).status, bob.get(path).status

    assert set(at_once(write_and_read)) == {(201, 200, 404)}


def test_the_limits_of_its_configuration_are_those_of_requests(
    server: Server, postgres: psycopg.Connection
) -> None:
    with postgres.transaction():
        postgres.execute("LOCK TABLE novels_novel")
        locked = server.get("/novels/")

    assert (locked.status, locked.headers["Retry-After"]) == (503, "2")
    assert server.get("/novels/").status == 200


def test_a_request_that_gets_no_session_is_503_and_the_next_one_is_served(
    server: Server, pgbouncer: PgBouncer
) -> None:
    with ExitStack() as held:
        for _ in range(SESSIONS):
            taken = held.enter_context(psycopg.connect(pgbouncer.url()))
            taken.execute("SELECT 1")
        with ThreadPoolExecutor(2) as threads:
            refused = list(threads.map(server.get, ["/novels/", "/comics/"]))

    assert {answer.status for answer in refused} == {503}
    assert all(answer.headers["Retry-After"] for answer in refused)
    assert {answer.status for answer in at_once(lambda: server.get("/novels/"))} == {200}


def test_requests_after_a_restart_of_pgbouncer_are_answered(
    server: Server, clients: list[Client], pgbouncer: PgBouncer
) -> None:
    at_once(lambda: server.get("/novels/"))

    pgbouncer.stop()
    pgbouncer.start()

    assert server.get("/novels/").status == 200
    assert {answer.status for answer in at_once(lambda: clients[0].get("/users/me/"))} == {200}


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
        at_once(lambda: clients[1].get("/users/me/"))
        assert 0 < seconds_to_expiry(postgres) <= LEASE_S


@pytest.mark.parametrize(("setting", "warns"), [("on", False), ("off", True)])
def test_a_pooler_that_the_settings_do_not_tell_of_is_noticed(
    behind: dict[str, str], setting: str, warns: bool
) -> None:
    answer = subprocess.run(
        [sys.executable, "manage.py", "check", "--database", "default"],
        cwd=REPOSITORY,
        env=behind | {"MORPHEUS_PGBOUNCER": setting},
        capture_output=True,
        text=True,
    )

    assert answer.returncode == 0, answer.stderr
    assert ("morpheus.W010" in answer.stderr) is warns, answer.stderr
