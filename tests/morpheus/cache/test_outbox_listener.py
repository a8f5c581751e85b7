"""The thread that drains the outbox: what it is told of, and what it survives."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

import psycopg
import pytest
from django.db import connection
from pytest_django import Settings

from morpheus.cache import outbox
from morpheus.cache.outbox import APPLICATION_NAME, OutboxListener
from tests.conftest import list_outbox_tags
from tests.morpheus.cache.conftest import stop_listener

pytestmark = pytest.mark.django_db(transaction=True)

Listen = Callable[..., OutboxListener]

# Never waited for where all is well.
PATIENCE_S = 30
# So rarely that only a notification can have been heard.
NEVER_S = 3600.0


class Cache:
    """What the engine is to the listener: it renews tags, unless it is broken."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.invalidated: list[str] = []
        self.is_pending: bool | None = None
        self.is_broken = False
        self.looks = 0

    def invalidate(self, tags: Sequence[str]) -> None:
        with self.changed:
            if self.is_broken:
                raise ConnectionError
            self.invalidated.extend(tags)
            self.changed.notify_all()

    def on_pending(self) -> None:
        with self.changed:
            self.is_pending = True
            self.changed.notify_all()

    def on_drained(self, looked_at: float) -> None:
        with self.changed:
            self.is_pending = False
            self.looks += 1
            self.changed.notify_all()

    def wait_for(self, condition: Callable[[], object]) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, timeout=PATIENCE_S)

    def wait_for_tag(self, tag: str) -> None:
        self.wait_for(lambda: tag in self.invalidated)


@pytest.fixture
def cache() -> Cache:
    return Cache()


@pytest.fixture
def listen(psql: psycopg.Connection, cache: Cache) -> Iterator[Listen]:
    started = []

    def listen(poll_s: float = NEVER_S) -> OutboxListener:
        listener = OutboxListener(
            cache.invalidate,
            on_pending=cache.on_pending,
            on_drained=cache.on_drained,
            poll_s=poll_s,
        )
        listener.start()
        started.append(listener)
        return listener

    yield listen
    for listener in started:
        stop_listener(listener)


def put(opened: psycopg.Connection, *tags: str) -> None:
    opened.execute("SELECT cache_touch(%s)", [list(tags)])


def test_tags_from_before_the_start_are_drained_first(
    psql: psycopg.Connection, cache: Cache, listen: Listen
) -> None:
    put(psql, "novel:1")

    listen()
    cache.wait_for(lambda: cache.is_pending is False)

    assert cache.invalidated == ["novel:1"]
    assert list_outbox_tags(psql) == []


def test_a_restored_or_promoted_database_empties_the_cache_before_it_is_read(
    psql: psycopg.Connection, cache: Cache, listen: Listen
) -> None:
    psql.execute("UPDATE cache_database SET identity = 'of the database that was dumped'")
    cache.is_broken = True
    listen()
    cache.wait_for(lambda: cache.is_pending is True)
    assert cache.looks == 0

    cache.is_broken = False
    cache.wait_for(lambda: cache.is_pending is False)
    listen()
    cache.wait_for(lambda: cache.looks >= 2)

    assert cache.invalidated == ["all"]


def test_a_change_by_psql_is_invalidated_at_once(
    psql: psycopg.Connection, cache: Cache, listen: Listen
) -> None:
    listen()
    cache.wait_for(lambda: cache.is_pending is False)

    for number in range(20):
        put(psql, f"novel:{number}")
        cache.wait_for_tag(f"novel:{number}")


def test_behind_pgbouncer_it_polls(
    psql: psycopg.Connection, cache: Cache, listen: Listen, settings: Settings
) -> None:
    settings.MORPHEUS_PGBOUNCER = True
    listen(poll_s=0.01)
    cache.wait_for(lambda: cache.is_pending is False)

    put(psql, "novel:1")
    cache.wait_for_tag("novel:1")

    listening_on = psql.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s "
        "AND query LIKE 'LISTEN%%'",
        [APPLICATION_NAME],
    ).fetchone()
    assert listening_on == (0,)


def test_a_tag_that_cannot_be_invalidated_is_pending_until_it_can(
    psql: psycopg.Connection, cache: Cache, listen: Listen
) -> None:
    listen()
    cache.wait_for(lambda: cache.is_pending is False)
    cache.is_broken = True

    put(psql, "novel:1")
    cache.wait_for(lambda: cache.is_pending)
    cache.is_broken = False
    cache.wait_for(lambda: not cache.is_pending)

    assert cache.invalidated == ["novel:1"]


def test_a_tag_that_another_process_drains_is_pending(
    psql: psycopg.Connection, cache: Cache, listen: Listen
) -> None:
    put(psql, "novel:1")

    def while_held(tags: Sequence[str]) -> None:
        listen()
        cache.wait_for(lambda: cache.is_pending)

    outbox.drain(while_held, psql)
    cache.wait_for(lambda: not cache.is_pending)

    assert cache.invalidated == []


def test_a_lost_connection_is_made_again_and_nothing_is_missed(
    psql: psycopg.Connection, cache: Cache, listen: Listen
) -> None:
    listen()
    cache.wait_for(lambda: cache.is_pending is False)

    for number in range(3):
        ended = psql.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s "
            "AND datname = %s",
            [APPLICATION_NAME, connection.settings_dict["NAME"]],
        ).fetchall()
        put(psql, f"novel:{number}")
        cache.wait_for_tag(f"novel:{number}")
        assert ended == [(True,)]


def test_an_unreachable_database_suspends_reads(
    cache: Cache, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "BLIND_S", 0)
    monkeypatch.setitem(connection.settings_dict, "PORT", "1")
    connection.close_pool()  # type: ignore[attr-defined]

    listen(poll_s=0.01)
    cache.wait_for(lambda: cache.is_pending)
    monkeypatch.undo()
    cache.wait_for(lambda: not cache.is_pending)
