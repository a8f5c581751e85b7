"""How far the primary is, read once for many calls; and nothing at all without a replica."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.http import HttpResponse

from morpheus.db.replica import PrimaryPosition, reading_alias, reads_replica
from tests.serving import wait_until


class CountedPrimary(PrimaryPosition):
    """Asks the real server, and counts how often."""

    questions = 0

    def _query(self) -> str | None:
        self.questions += 1
        return super()._query()


@pytest.fixture
def primary(transactional_db: None) -> CountedPrimary:
    return CountedPrimary()


def close(primary: PrimaryPosition) -> None:
    assert primary._connection is not None
    primary._connection.close()


def as_number(position: str | None) -> int:
    assert position is not None
    high, low = position.split("/")
    return (int(high, 16) << 32) + int(low, 16)


def test_a_position_is_beyond_every_acknowledged_write(primary: CountedPrimary) -> None:
    from novels.models import Genre

    before = primary.read()
    Genre.objects.create(slug="new", name="New")
    after = primary.read()

    assert as_number(after) > as_number(before)
    close(primary)


def test_calls_that_wait_at_the_same_time_share_one_question(primary: CountedPrimary) -> None:
    entered = threading.Barrier(9)

    def ask() -> str | None:
        entered.wait()
        return primary.read()

    with ThreadPoolExecutor(8) as threads:
        with primary._lock:  # As during an earlier query.
            asked = [threads.submit(ask) for _ in range(8)]
            entered.wait()
            wait_until(lambda: all(future.running() for future in asked))
            threading.Event().wait(0.1)  # From the barrier to the lock it is a few instructions.
        positions = {future.result() for future in asked}

    assert len(positions) == 1
    assert primary.questions == 1
    close(primary)


def test_a_connection_that_was_lost_is_replaced(primary: CountedPrimary) -> None:
    primary.read()
    assert primary._connection is not None
    pid = primary._connection.info.backend_pid
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [pid])

    assert primary.read() is not None
    close(primary)


def test_without_a_replica_nothing_stands_between_a_request_and_its_view() -> None:
    def view(request: object) -> HttpResponse:
        return HttpResponse()

    assert reads_replica(view) is view
    assert reading_alias() == "default"
    assert settings.DATABASE_ROUTERS == []
