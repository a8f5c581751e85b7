"""When a stream ends: its login or its novel is gone, its time is over, its server stops."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.test import Client

from morpheus.db.transactions import write_transaction
from novels.services.novels import novel_delete
from novels.services.processing import status_advance
from tests.event_streams import EventServer
from tests.factories import secret_of
from tests.serving import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

OWN = "/users/me/events/"


def log_in(user: Any) -> dict[str, str]:
    """Return the header of a session of a user."""
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    return {"Cookie": f"{name}={client.cookies[name].value}"}


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM users_token",
        "UPDATE users_token SET expires_at = now() - interval '1 s'",
        "UPDATE users_user SET is_active = false",
        "DELETE FROM users_user",
    ],
)
def test_a_stream_ends_with_its_token(
    events: EventServer, make_user: Any, as_user: Any, psql: psycopg.Connection, change: str
) -> None:
    secret = secret_of(as_user(make_user("ann")))
    with events.open(OWN, secret) as stream:
        assert stream.status == 200
        psql.execute(change)

        assert stream.wait_for_end() == []
    assert events.read_status(OWN, secret) == 401


def test_a_stream_ends_when_its_token_is_revoked_over_the_api(
    events: EventServer, make_user: Any, as_user: Any
) -> None:
    client = as_user(make_user("ann"))
    with events.open(OWN, secret_of(client)) as stream:
        assert client.delete("/api/v1/auth/token/").status_code == 204

        assert stream.wait_for_end() == []


def test_the_stream_of_a_session_ends_with_it_and_with_the_password(
    events: EventServer, make_user: Any, psql: psycopg.Connection
) -> None:
    ann = make_user("ann")
    first, second = log_in(ann), log_in(ann)
    with events.open(OWN, **first) as stream, events.open(OWN, **second) as other:
        assert (stream.status, other.status) == (200, 200)
        [key] = first["Cookie"].split("=")[1:]
        psql.execute("DELETE FROM django_session WHERE session_key = %s", [key])

        assert stream.wait_for_end() == []

        # The other one goes on, also after changes of the user that leave the login valid.
        with write_transaction(as_user=ann.pk):
            ann.bio = "New."
            ann.save(update_fields=["bio"])
        assert other.read() and other.read()
        ann.set_password("another long pass phrase")
        with write_transaction(as_user=ann.pk):
            ann.save(update_fields=["password"])

        assert other.wait_for_end() == []


def test_a_stream_ends_when_its_novel_becomes_private_or_is_deleted(
    events: EventServer, make_novels: Any, as_user: Any, psql: psycopg.Connection
) -> None:
    [novel] = make_novels()
    path, secret = f"/novels/{novel.pk}/events/", secret_of(as_user(novel.owner))
    with events.open(path) as stream:
        stream.read_events(1)
        psql.execute("UPDATE novels_novel SET is_public = false")

        assert stream.wait_for_end() == []
    assert events.read_status(path) == 404
    with events.open(path, secret) as stream:
        stream.read_events(1)
        with write_transaction(as_user=novel.owner_id):
            novel_delete(novel_id=novel.pk, owner_id=novel.owner_id)

        assert stream.wait_for_end() == []


def test_checks_of_a_login_are_in_no_log(
    events: EventServer, make_user: Any, as_user: Any, psql: psycopg.Connection
) -> None:
    ann = make_user("ann")
    with events.open(OWN, secret_of(as_user(ann))) as stream:
        before = events.log.read_text().count("GET /users/me/events/")
        psql.execute("UPDATE users_user SET bio = 'New.'")
        psql.execute("DELETE FROM users_token")
        stream.wait_for_end()

    assert events.log.read_text().count("GET /users/me/events/") <= max(before, 1) + 1


def test_a_stream_ends_after_its_time_and_its_client_goes_on(
    transactional_db: None, make_novels: Any, tmp_path: Path
) -> None:
    [novel] = make_novels()
    server = EventServer(tmp_path / "log", MORPHEUS_EVENTS_MAX_S="1", MORPHEUS_EVENT_STREAMS="1")
    try:
        with server.open(f"/novels/{novel.pk}/events/") as stream:
            # The only one that this server may hold.
            with server.open(f"/novels/{novel.pk}/events/") as refused:
                assert refused.status == 503
                assert refused.response.headers["Retry-After"]
            assert len(stream.wait_for_end()) == 1
            assert stream.response.isclosed()  # A whole response, not a connection cut off.
        with server.open(f"/novels/{novel.pk}/events/", Last_Event_ID=stream.last_id) as stream:
            assert stream.wait_for_end() == []
    finally:
        server.stop()


def test_a_stream_goes_on_while_its_server_drains_and_ends_with_it(
    transactional_db: None, make_novels: Any, tmp_path: Path
) -> None:
    [novel] = make_novels()
    server = EventServer(tmp_path / "log", drain_s=4)
    try:
        with server.open(f"/novels/{novel.pk}/events/") as stream:
            stream.read_events(1)
            server.begin_stop()
            wait_until(lambda: server.get("/readyz").status == 503)
            status_advance(novel_id=novel.pk, owner_id=novel.owner_id, stage="reading", progress=5)
            assert stream.read_events(1)[0].data["progress"] == 5
            # A client that comes now is not turned away: an EventSource would give up.
            with server.open(f"/novels/{novel.pk}/events/") as late:
                assert late.status == 200

            assert stream.wait_for_end() == []
            assert stream.response.isclosed()
            with pytest.raises(ConnectionError):
                server.open(f"/novels/{novel.pk}/events/")
        # Not after the time limit of requests.
        started = time.monotonic()
        wait_until(lambda: server.exit_code is not None)
        assert (server.exit_code, time.monotonic() - started < 15) == (0, True)
    finally:
        server.stop()
