"""Tags in the outbox are invalidated at least once, even if a process dies."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction

from morpheus.cache import outbox
from morpheus.db.transactions import write_transaction
from tests.conftest import list_outbox_tags

pytestmark = pytest.mark.django_db(transaction=True)


def put(opened: psycopg.Connection, *tags: str) -> None:
    opened.execute("SELECT cache_touch(%s)", [list(tags)])


def test_a_drain_invalidates_each_tag_once_and_empties_the_outbox(psql: psycopg.Connection) -> None:
    put(psql, "novel:1", "novel:2")
    put(psql, "novel:2")
    invalidated: list[Any] = []

    assert outbox.drain(invalidated.append, psql) == 3
    assert invalidated == [["novel:1", "novel:2"]]
    assert list_outbox_tags(psql) == []
    assert outbox.drain(invalidated.append, psql) == 0
    assert len(invalidated) == 1


def test_draining_takes_the_oldest_first_and_as_many_as_told(psql: psycopg.Connection) -> None:
    for tag in ("novel:3", "novel:2", "novel:1"):
        put(psql, tag)
    invalidated: list[Any] = []

    assert outbox.drain(invalidated.append, psql, limit=2) == 2
    assert invalidated == [["novel:2", "novel:3"]]
    assert list_outbox_tags(psql) == ["novel:1"]


def test_a_tag_that_could_not_be_invalidated_stays(psql: psycopg.Connection) -> None:
    put(psql, "novel:1")

    def refuse(tags: Sequence[str]) -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        outbox.drain(refuse, psql)

    assert list_outbox_tags(psql) == ["novel:1"]


def test_a_drain_that_dies_before_its_commit_leaves_the_tags_to_others(
    psql: psycopg.Connection,
) -> None:
    put(psql, "novel:1")
    invalidated: list[Any] = []

    with outbox.connect() as dying:

        def invalidate_and_die(tags: Sequence[str]) -> None:
            invalidated.append(tags)
            psql.execute("SELECT pg_terminate_backend(%s)", [dying.info.backend_pid])

        with pytest.raises(Exception, match="terminating connection|closed"):
            outbox.drain(invalidate_and_die, dying)
    assert outbox.drain(invalidated.append, psql) == 1

    assert invalidated == [["novel:1"], ["novel:1"]]


def test_what_one_holds_another_neither_takes_nor_takes_for_drained(
    psql: psycopg.Connection,
) -> None:
    put(psql, "novel:1")
    taken: list[str] = []

    def meanwhile(tags: Sequence[str]) -> None:
        put(psql, "novel:2")
        assert outbox.drain(taken.extend, psql) == 1
        assert not outbox.is_empty(psql)

    with outbox.connect() as other:
        outbox.drain(meanwhile, other)

    assert taken == ["novel:2"]
    assert outbox.is_empty(psql)


def test_drainers_that_race_lose_no_tag(psql: psycopg.Connection) -> None:
    written = {f"novel:{number}" for number in range(300)}
    invalidated: list[Any] = []
    is_written = threading.Event()

    def drain() -> None:
        with outbox.connect() as own:
            failures = iter([True, False] * 1000)

            def invalidate(tags: Sequence[str]) -> None:
                if next(failures):
                    raise ConnectionError
                invalidated.extend(tags)

            while not (is_written.is_set() and outbox.is_empty(own)):
                try:
                    outbox.drain(invalidate, own, limit=7)
                except ConnectionError:
                    pass

    drainers = [threading.Thread(target=drain) for _ in range(3)]
    for drainer in drainers:
        drainer.start()
    for tag in sorted(written):
        put(psql, tag)
    is_written.set()
    for drainer in drainers:
        drainer.join()

    assert sorted(invalidated) == sorted(written)


def test_tags_are_deferred_in_the_transaction_that_touched_them(psql: psycopg.Connection) -> None:
    with psql.transaction():
        psql.execute("LISTEN cache_outbox")
    with write_transaction(as_user=7):
        outbox.defer(connection.connection, ["novel:1", "novel:2"])
        assert list_outbox_tags(psql) == []
    assert list_outbox_tags(psql) == ["novel:1", "novel:2"]
    assert len(list(psql.notifies(timeout=10, stop_after=1))) == 1

    with pytest.raises(ZeroDivisionError), transaction.atomic():
        outbox.defer(connection.connection, ["novel:3"])
        raise ZeroDivisionError
    assert list_outbox_tags(psql) == ["novel:1", "novel:2"]
