"""Every later read sees an acknowledged write, however far the replica is behind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from tests.serving import Client, Server

from .pair import Pair


@pytest.fixture
def make_comic(writer: Client) -> Callable[[str], str]:
    """Make a public comic and return its path."""

    def make(title: str) -> str:
        made = writer.send("POST", "/comics/", {"title": title, "visibility": "public"})
        assert made.status == 201, made.body
        return f"/comics/{made.json['id']}/"

    return make


@pytest.fixture
def delay(pair: Pair) -> Iterator[None]:
    """Let the replica replay each commit a twentieth of a second after it was made."""
    pair.on_replica("ALTER SYSTEM SET recovery_min_apply_delay = '50ms'")
    pair.on_replica("SELECT pg_reload_conf()")
    yield
    pair.on_replica("ALTER SYSTEM RESET recovery_min_apply_delay")
    pair.on_replica("SELECT pg_reload_conf()")


def test_a_paused_replica_hides_nothing_from_the_writer_nor_from_anybody(
    pair: Pair,
    server: Server,
    writer: Client,
    other: Client,
    make_comic: Callable[[str], str],
) -> None:
    pair.pause()
    path = make_comic("First")

    for number in range(5):
        title = f"Title {number}"
        assert writer.send("PATCH", path, {"title": title}).json["title"] == title
        for client in (writer, other, server):
            assert client.get(path).json["title"] == title
            assert client.get("/comics/").json["results"][0]["title"] == title
    assert writer.send("DELETE", path).status == 204
    assert [client.get(path).status for client in (writer, other, server)] == [404] * 3


def test_the_replica_is_read_again_when_it_has_caught_up(
    pair: Pair, server: Server, make_comic: Callable[[str], str]
) -> None:
    pair.pause()
    path = make_comic("Late")
    while_behind = server.get(path)
    pair.resume()
    caught_up = server.get(path)

    assert (while_behind.status, while_behind.is_from_replica) == (200, False)
    assert (caught_up.status, caught_up.is_from_replica) == (200, True)


def test_a_write_past_the_api_is_seen_too(pair: Pair, server: Server) -> None:
    pair.pause()
    pair.on_primary("UPDATE novels_genre SET slug = 'changed' WHERE slug = 'western'")

    try:
        assert server.get("/novels/?genre=changed").status == 200
        assert server.get("/novels/?genre=western").status == 400
    finally:
        pair.on_primary("UPDATE novels_genre SET slug = 'western' WHERE slug = 'changed'")


def test_readers_beside_a_writer_never_see_the_state_before_an_acknowledged_write(
    server: Server, writer: Client, make_comic: Callable[[str], str], delay: None
) -> None:
    path = make_comic("0")
    answered, done = [0], threading.Event()
    stale: list[tuple[int, int]] = []
    replica: list[bool] = []

    def read() -> None:
        while not done.is_set():
            least = answered[0]
            response = server.get(path)
            replica.append(response.is_from_replica)
            if int(response.json["title"]) < least:
                stale.append((int(response.json["title"]), least))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(1, 21):
        assert writer.send("PATCH", path, {"title": str(number)}).status == 200
        answered[0] = number
        # Time enough for the replica to catch up after some writes and not after others.
        done.wait(0.02 * (number % 7))
    done.set()
    for reader in readers:
        reader.join()

    assert stale == []
    assert set(replica) == {True, False}


def test_a_walk_through_a_list_that_changes_servers_meets_every_row_once(
    pair: Pair, server: Server, make_comic: Callable[[str], str]
) -> None:
    expected = [row["id"] for row in server.get("/comics/?page_size=100").json["results"]]
    met: list[int] = []
    replica: list[bool] = []

    url: str | None = "/comics/?page_size=7"
    while url is not None:
        response = server.get(url)
        replica.append(response.is_from_replica)
        met += [row["id"] for row in response.json["results"]]
        url = response.json["next"]
        # Newest first: rows added meanwhile come before the current page.
        if len(replica) % 2:
            pair.pause()
            make_comic("Meanwhile")
        else:
            pair.resume()

    assert met == expected
    assert set(replica) == {True, False}
