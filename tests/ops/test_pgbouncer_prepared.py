"""Morpheus behind a PgBouncer that keeps prepared statements: they are used, and survive errors."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from morpheus.embedded.supervisor import EmbeddedServices
from tests.serving import Client, Server, environment

from .conftest import PASSWORD
from .pgbouncer import NEWER, PORT, SESSIONS, PgBouncer

THREADS = 8
ROUNDS = 60
PREPARED = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%novels_novel%'"


@pytest.fixture(scope="module")
def newer(services: EmbeddedServices) -> Iterator[PgBouncer]:
    if not NEWER.exists():
        command = f"tests/ops/get_pgbouncer.sh {NEWER.parent}"
        pytest.fail(f"There is no PgBouncer 1.22 or later: {command}", pytrace=False)
    newer = PgBouncer(services.var, NEWER, PORT + 1)
    newer.start()
    yield newer
    newer.stop()


@pytest.fixture(scope="module")
def preparing(newer: PgBouncer) -> Iterator[Server]:
    settings = environment(
        newer.var,
        DATABASE_URL=newer.url(),
        MORPHEUS_PGBOUNCER="on",
        MORPHEUS_PGBOUNCER_PREPARED="on",
    )
    server = Server(settings, newer.var / "preparing.log", threads=THREADS)
    yield server
    server.stop()


def count_prepared(newer: PgBouncer) -> int:
    """Return the largest number of reads of novels that a session of PgBouncer has prepared."""
    with ThreadPoolExecutor(SESSIONS) as threads:

        def count(_: int) -> int:
            with psycopg.connect(newer.url(), prepare_threshold=None) as connection:
                connection.execute("SELECT pg_sleep(0.2)")
                row = connection.execute(PREPARED).fetchone()
                return int(row[0]) if row else 0

        return max(threads.map(count, range(SESSIONS)))


def test_statements_stay_prepared_across_sessions_and_rollbacks(
    preparing: Server, newer: PgBouncer, emails: list[str], postgres: psycopg.Connection
) -> None:
    ann, bob = (preparing.login(email, PASSWORD) for email in emails)

    def use(number: int) -> set[int]:
        client: Client = (ann, bob)[number % 2]
        made = client.send("POST", "/comics/", {"title": f"Prepared {number}"})
        path = f"/comics/{made.json['id']}/"
        return {
            made.status,
            client.send("PATCH", path, {"title": "Again", "visibility": "public"}).status,
            preparing.get(path).status,
            preparing.get("/novels/?ordering=title").status,
            preparing.get("/search/?q=the").status,
            client.get("/users/me/dashboard/").status,
            # Rolled back: of another user, and of an e-mail address that is taken.
            (bob, ann)[number % 2].send("PATCH", path, {"title": "Not mine"}).status,
            client.send("POST", "/users/", {"email": emails[0], "password": PASSWORD}).status,
        }

    with ThreadPoolExecutor(THREADS) as threads:
        statuses = set().union(*threads.map(use, range(ROUNDS)))
        with postgres.transaction():
            postgres.execute("LOCK TABLE comics_comic")
            refused = set(threads.map(lambda _: preparing.get("/comics/").status, range(THREADS)))
        after = set().union(*threads.map(use, range(ROUNDS)))
        # Any rollback ends what its session had prepared.
        after |= set(threads.map(lambda _: preparing.get("/novels/").status, range(20 * THREADS)))

    # The newest comics that other tests see have pictures.
    postgres.execute("DELETE FROM comics_comic WHERE title = 'Again'")
    assert refused == {503}
    assert not {status for status in statuses | after if status >= 500}
    assert count_prepared(newer) > 0
    assert "prepared statement" not in preparing.log.read_text()
