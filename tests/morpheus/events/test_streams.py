"""What the clients of event streams get, from a server in a process of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from morpheus.db.transactions import write_transaction
from novels.services.novels import novel_delete
from novels.services.processing import status_advance
from tests.event_streams import EventServer
from tests.factories import secret_of

pytestmark = pytest.mark.django_db(transaction=True)

OWN = "/users/me/events/"


def path_of(novel: Any) -> str:
    return f"/novels/{novel.pk}/events/"


def advance(novel: Any, progress: int) -> None:
    owner_id = novel.owner_id
    status_advance(novel_id=novel.pk, owner_id=owner_id, stage="reading", progress=progress)


def test_a_stream_begins_with_the_current_status_and_goes_on_with_each_change(
    events: EventServer, make_novels: Callable[..., Any], api: Any
) -> None:
    [novel] = make_novels()
    with events.open(path_of(novel)) as stream:
        assert stream.status == 200
        assert stream.response.headers["Content-Type"] == "text/event-stream"
        assert stream.response.headers["Cache-Control"] == "no-store"
        assert 1000 <= int(stream.read().fields["retry"]) <= 5000  # type: ignore[union-attr]
        [first] = stream.read_events(1)
        assert (first.kind, first.data["state"]) == ("status", "completed")

        for progress in (5, 6, 7):
            advance(novel, progress)
            [event] = stream.read_events(1)
            assert event.data == api.get(f"/api/v1/novels/{novel.pk}/status/").json()
            assert event.data["progress"] == progress


def test_a_client_that_connects_again_gets_nothing_twice_and_misses_nothing(
    events: EventServer, make_novels: Callable[..., Any]
) -> None:
    [novel] = make_novels()
    with events.open(path_of(novel)) as stream:
        advance(novel, 5)
        stream.read_events(2)
        last_id = stream.last_id

    with events.open(path_of(novel), Last_Event_ID=last_id) as stream:
        advance(novel, 6)
        [event] = stream.read_events(1)
        assert event.data["progress"] == 6

    # It has not the last one, and gets the newest alone.
    advance(novel, 7)
    advance(novel, 8)
    with events.open(path_of(novel), Last_Event_ID=last_id) as stream:
        [event] = stream.read_events(1)
        assert event.data["progress"] == 8


@pytest.mark.parametrize("last_id", ["x", "-", "1-2-3", "9" * 40 + "-0", "\u00e9"])
def test_an_unknown_last_id_is_that_of_a_new_client(
    events: EventServer, make_novels: Callable[..., Any], last_id: str
) -> None:
    [novel] = make_novels()
    with events.open(path_of(novel), Last_Event_ID=last_id) as stream:
        assert stream.read_events(1)[0].data["novel"] == novel.pk


def test_my_stream_shows_my_novels_alone(
    events: EventServer,
    make_novels: Callable[..., Any],
    make_user: Callable[..., Any],
    as_user: Callable[..., Any],
    psql: psycopg.Connection,
) -> None:
    ann, ben = make_user("ann"), make_user("ben")
    old, waiting, private = make_novels(3, owner=ann, is_public=False)
    [other] = make_novels(owner=ben)
    psql.execute("UPDATE novels_processingstatus SET updated_at = now() - interval '1 hour'")
    advance(waiting, 1)
    with events.open(OWN, secret_of(as_user(ann))) as stream:
        # The finished ones of an hour ago are not new.
        assert [each.data["novel"] for each in stream.read_events(1)] == [waiting.pk]

        advance(other, 2)
        advance(private, 3)
        [event] = stream.read_events(1)
        assert (event.data["novel"], event.data["progress"]) == (private.pk, 3)

        [new] = make_novels(owner=ann)
        assert [each.data["novel"] for each in stream.read_events(1)] == [new.pk]

        # Several novels of several owners in one statement.
        psql.execute("UPDATE novels_processingstatus SET progress = 9, updated_at = now()")
        changed = {each.data["novel"] for each in stream.read_events(4)}
        assert changed == {old.pk, waiting.pk, private.pk, new.pk}

        for novel in (other, private):
            with write_transaction(as_user=novel.owner_id):
                novel_delete(novel_id=novel.pk, owner_id=novel.owner_id)
        [event] = stream.read_events(1)
        assert (event.kind, event.data) == ("deleted", {"novel": private.pk})
        last_id = stream.last_id

    with events.open(OWN, secret_of(as_user(ann)), Last_Event_ID=last_id) as stream:
        advance(old, 10)
        assert [each.data["novel"] for each in stream.read_events(1)] == [old.pk]


def test_my_stream_has_an_id_before_the_first_event(
    events: EventServer, make_novels: Callable[..., Any], make_user: Any, as_user: Any
) -> None:
    ann = make_user("ann")
    secret = secret_of(as_user(ann))
    with events.open(OWN, secret) as stream:
        stream.read()
        stream.read()
        last_id = stream.last_id

    # Longer ago than a client without an id is told of.
    [novel] = make_novels(owner=ann)
    with events.open(OWN, secret, Last_Event_ID=last_id) as stream:
        [event] = stream.read_events(1)
        assert event.data["novel"] == novel.pk
    assert last_id.endswith("-0000000000000000")


def test_strangers_do_not_find_a_private_novel(
    events: EventServer, make_novels: Callable[..., Any], make_user: Any, as_user: Any
) -> None:
    [novel] = make_novels(is_public=False)
    for secret in ("", secret_of(as_user(make_user("ben")))):
        with events.open(path_of(novel), secret) as stream:
            assert stream.status == 404
            assert stream.response.headers["Content-Type"] == "application/problem+json"
    with events.open(path_of(novel), secret_of(as_user(novel.owner))) as stream:
        assert stream.read_events(1)[0].data["novel"] == novel.pk
    with events.open(OWN) as stream:
        assert stream.status == 401


def test_streams_beyond_the_limit_of_a_user_are_refused(
    events: EventServer, make_user: Any, as_user: Any
) -> None:
    secret = secret_of(as_user(make_user("ann")))
    streams = [events.open(OWN, secret) for _ in range(3)]
    with events.open(OWN, secret) as refused:
        assert refused.status == 429
        assert refused.response.headers["Retry-After"] == "30"
    with events.open(OWN, secret_of(as_user(make_user("ben")))) as stream:
        assert stream.status == 200
    page = events.send("GET", "/metrics").body.decode()
    assert "morpheus_event_streams 3.0" in page or "morpheus_event_streams 4.0" in page
    assert 'morpheus_event_streams_refused_total{limit="user"}' in page

    for each in streams:
        each.__exit__()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("HEAD", "/api/v1/novels/{}/events/", 200),
        ("POST", "/api/v1/novels/{}/events/", 405),
        ("GET", "/api/v1/novels/{}/events/?x=1", 400),
        ("GET", "/api/v1/novels/{}/status/", 404),
        ("POST", "/api/v1/auth/token/", 404),
        ("GET", "/healthz", 200),
        ("GET", "/readyz", 200),
    ],
)
def test_other_requests_get_a_response_at_once(
    events: EventServer, make_novels: Callable[..., Any], method: str, path: str, status: int
) -> None:
    [novel] = make_novels()

    response = events.send(method, path.format(novel.pk))

    assert response.status == status


def test_pages_of_allowed_origins_may_open_streams(
    events: EventServer, make_novels: Callable[..., Any]
) -> None:
    [novel] = make_novels()
    allowed, path = "https://app.example.org", f"/api/v1{path_of(novel)}"
    preflight = {
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization, last-event-id",
    }
    for origin in (allowed, "https://other.example.org"):
        response = events.send("OPTIONS", path, **preflight, Origin=origin)
        with events.open(path_of(novel), Origin=origin) as stream:
            for headers in (response.headers, stream.response.headers):
                assert headers["Access-Control-Allow-Origin"] == (
                    origin if origin == allowed else None
                )
            assert (response.status, stream.status) == (204, 200)
            assert stream.read_events(1)[0].data["novel"] == novel.pk
