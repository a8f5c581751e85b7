"""Reads from the replica, with the same responses as from the primary."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.serving import Client, Response, Server

from .pair import Pair

COMICS_READ = "SELECT sum(calls) FROM pg_stat_statements WHERE query LIKE 'SELECT%FROM \"comics_c%'"


def test_lists_are_read_from_the_replica_and_not_from_the_primary(
    pair: Pair, server: Server
) -> None:
    before = [run(COMICS_READ) for run in (pair.on_primary, pair.on_replica)]

    responses = [server.get("/comics/") for _ in range(5)]

    after = [run(COMICS_READ) for run in (pair.on_primary, pair.on_replica)]
    assert all(response.is_from_replica for response in responses)
    assert after[0] == before[0]
    # One statement finds a page with all that it shows.
    assert after[1][0][0] == before[1][0][0] + 5


def first(client: Client, path: str, counted: str) -> int:
    """Return the id of the first row of a list that has any of the counted rows."""
    rows = client.get(path).json["results"]
    return int(next(row["id"] for row in rows if row[counted]))


def get_from_replica(client: Client, path: str) -> Response:
    """Read until the replica responds: it may be behind a vacuum for a moment."""
    for _ in range(50):
        response = client.get(path)
        if response.is_from_replica:
            break
        time.sleep(0.1)
    return response


def test_every_route_reads_the_same_from_both(pair: Pair, server: Server, writer: Client) -> None:
    novel = first(writer, "/novels/?owner=me", "chapter_count")
    comic = first(writer, "/comics/?owner=me&ordering=created_at", "panel_count")
    paths = [
        *("/novels/", "/novels/?genre=horror&language=en", "/novels/?owner=me&ordering=title"),
        *(f"/novels/{novel}/", f"/novels/{novel}/chapters/", f"/novels/{novel}/chapters/1/"),
        *(f"/novels/{novel}/status/", "/search/?q=the", "/search/?q=the&scope=mine"),
        *("/comics/", "/comics/?owner=me&ordering=-title", f"/comics/{comic}/"),
        *(f"/comics/{comic}/panels/", f"/comics/{comic}/panels/1/image/"),
        *("/users/me/", "/users/me/dashboard/"),
    ]

    from_replica = [get_from_replica(writer, path) for path in paths]
    pair.pause()
    pair.on_primary("CREATE TABLE a_change (); DROP TABLE a_change")
    from_primary = [writer.get(path) for path in paths]

    assert {response.status for response in from_replica} == {200}
    assert [response.is_from_replica for response in from_replica] == [True] * len(paths)
    assert [response.is_from_replica for response in from_primary] == [False] * len(paths)
    assert [response.body for response in from_replica] == [
        response.body for response in from_primary
    ]


def test_a_thumbnail_is_shown_to_the_reader_that_made_it(
    pair: Pair, server: Server, writer: Client
) -> None:
    comic = writer.get("/comics/?owner=me&ordering=created_at").json["results"][0]["id"]

    pair.pause()
    responses = [writer.get(f"/comics/{comic}/thumbnail/?size=small") for _ in range(2)]

    assert [response.status for response in responses] == [200, 200]
    assert responses[0].body == responses[1].body != b""


def test_private_rows_on_the_replica_are_for_their_owner_alone(
    server: Server, writer: Client, other: Client, pair: Pair
) -> None:
    made = writer.send("POST", "/comics/", {"title": "Mine alone", "visibility": "private"})
    path = f"/comics/{made.json['id']}/"
    pair.resume()

    for _ in range(3):  # Through the same few connections.
        responses = [client.get(path) for client in (writer, other, server)]
        assert [response.status for response in responses] == [200, 404, 404]
        assert responses[0].is_from_replica  # A 404 does not tell.
        theirs = other.get("/comics/?owner=me&page_size=100")
        assert theirs.is_from_replica
        assert b"Mine alone" not in theirs.body


@pytest.mark.parametrize("changes", [{"title": ""}, {"visibility": "nobody"}])
def test_what_a_write_is_refused_for_is_not_read_from_the_replica(
    server: Server, writer: Client, changes: dict[str, str]
) -> None:
    response = writer.send("POST", "/comics/", {"title": "Refused"} | changes)

    assert response.status == 400
    assert not response.is_from_replica


def test_a_token_that_was_revoked_opens_nothing_on_the_replica(
    pair: Pair, server: Server, make_login: Callable[[], Client]
) -> None:
    client = make_login()
    assert client.get("/users/me/").status == 200

    pair.pause()
    assert client.send("DELETE", "/auth/token/").status == 204

    assert client.get("/users/me/").status == 401
    pair.resume()
    assert client.get("/users/me/").status == 401


@pytest.fixture
def make_login(pair: Pair, server: Server) -> Callable[[], Client]:
    from .conftest import PASSWORD

    [(email,)] = pair.on_primary("SELECT email FROM users_user ORDER BY id LIMIT 1 OFFSET 2")
    return lambda: server.login(email, PASSWORD)
