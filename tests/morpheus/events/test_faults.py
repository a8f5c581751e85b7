"""Streams while PostgreSQL or Redis is away, and clients that do not read."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection

from morpheus.events import application, streams
from morpheus.events.streams import Bodies, Stream, Subscription
from novels.services.processing import status_advance
from tests.event_streams import EventServer
from tests.factories import secret_of


def advance(novel: Any, progress: int) -> None:
    owner_id = novel.owner_id
    status_advance(novel_id=novel.pk, owner_id=owner_id, stage="reading", progress=progress)


def terminate(psql: psycopg.Connection, which: str) -> None:
    """End the connection that listens, or all connections of the serving role."""
    psql.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND usename = 'morpheus_app' "
        "AND (application_name = 'morpheus events' OR %s)",
        [which == "all"],
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("which", ["all", "listener"])
def test_a_change_while_the_connections_are_lost_arrives_later(
    events: EventServer,
    make_novels: Any,
    as_user: Any,
    psql: psycopg.Connection,
    connect: Any,
    which: str,
) -> None:
    [novel] = make_novels()
    other = connect("superuser")
    secret = secret_of(as_user(novel.owner))
    with (
        events.open(f"/novels/{novel.pk}/events/") as stream,
        events.open("/users/me/events/", secret) as own,
    ):
        stream.read_events(1), own.read_events(1)
        with other.transaction():
            other.execute("UPDATE novels_processingstatus SET progress = 7")
            # The commit follows before the process has connected again.
            terminate(psql, which)

        assert stream.read_events(1)[0].data["progress"] == 7
        assert own.read_events(1)[0].data["progress"] == 7
        connection.close()  # That of this process is lost, too.
        psql.execute("UPDATE novels_processingstatus SET progress = 8")
        assert stream.read_events(1)[0].data["progress"] == 8
        assert own.read_events(1)[0].data["progress"] == 8


@pytest.mark.django_db(transaction=True)
def test_streams_need_no_redis(
    make_novels: Any, as_user: Any, no_cache_server: None, tmp_path: Path
) -> None:
    [novel] = make_novels()
    secret = secret_of(as_user(novel.owner))
    server = EventServer(tmp_path / "log", REDIS_URL="redis://127.0.0.1:1")
    try:
        with server.open("/users/me/events/", secret) as stream:
            stream.read_events(1)
            # By a worker without Redis, too.
            advance(novel, 5)
            assert stream.read_events(1)[0].data["progress"] == 5
    finally:
        server.stop()


def make_stream(bodies: Bodies, last_id: str = "", ids: Iterable[int] = ()) -> Stream:
    async def make() -> Stream:
        subscription = Subscription(
            key=("novel", 1, None),
            tags=frozenset(),
            select=lambda tags: frozenset(),
            read=lambda *_: {},
            ids=frozenset(ids),
            credential=frozenset(),
            expires_at=None,
            callers=(),
        )
        stream = Stream(subscription, last_id, lambda: 200)
        stream.open(bodies)
        return stream

    return asyncio.run(make())


async def read(stream: Stream, count: int) -> list[bytes]:
    texts: list[bytes] = []
    async for text in stream.texts():
        texts.append(text)
        if len(texts) == count:
            break
    return texts


def test_a_client_that_does_not_read_is_closed_and_costs_one_body_for_each_novel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(application, "SLOW_S", 0.05)
    stream = make_stream({1: b"{}"})
    for number in range(10_000):
        stream.offer({1: b"%d" % number, 2: b"%d" % number})
    assert stream._waiting == {1: b"9999", 2: b"9999"}

    async def never(*_: object) -> Any:
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        asyncio.run(application._send_texts(stream, never, never))


def test_a_quiet_stream_has_heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_S", 0.01)

    texts = asyncio.run(read(make_stream({1: b"{}"}), 4))

    assert texts[2:] == [b": heartbeat\n\n"] * 2


def test_a_body_is_sent_once_and_again_when_it_changed_back() -> None:
    stream = make_stream({1: b"a"})
    first = stream._take()
    stream.offer({1: b"a"})
    assert (b"data: a\n" in first, stream._take()) == (True, b"")
    stream.offer({1: b"b"})
    assert b"data: b\n" in stream._take()
    stream.offer({1: b"a"})
    assert stream._take() == first  # The same state has the same id.


def test_a_client_that_was_cut_off_in_the_middle_gets_everything() -> None:
    whole = make_stream({1: b"a", 2: b"b"})
    first, second = whole._take().split(b"\n\n")[:2]
    after_first, after_second = (text.split()[1].decode() for text in (first, second))

    assert make_stream({2: b"b", 1: b"a"}, after_second)._take() == b""
    assert make_stream({1: b"a", 2: b"b"}, after_first)._take().count(b"data:") == 2
    since = datetime.fromtimestamp(int(after_first.partition("-")[0]), UTC)
    assert make_stream({}, after_first).since == since


def test_what_came_before_the_first_read_is_older() -> None:
    stream = make_stream({1: b"new"})
    last_id = stream._take().split()[1].decode()
    opening = make_stream({}, last_id)
    opening.offer({1: b"old"})
    opening._known = stream._known or int(last_id.partition("-")[2], 16)

    opening.open({1: b"new"})

    assert opening._take() == b""


def test_the_stream_of_a_row_that_is_gone_ends() -> None:
    stream = make_stream({1: b"a"}, ids=[1])
    stream._take()
    stream.offer({1: None})

    assert (stream._take(), stream.has_ended) == (b"", True)
