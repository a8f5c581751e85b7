"""A replica is promoted after the loss of the primary; the URLs name both hosts from the start."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from morpheus.embedded.addresses import Addresses
from tests.serving import Client, Server, environment, wait_until

from .conftest import PASSWORD
from .pair import Pair, Standby

THREADS = 8


@pytest.fixture
def primary(pair: Pair) -> Iterator[Standby]:
    """A primary that can be stopped: the pair's replica, promoted."""
    pair.replica.promote()
    yield pair.replica
    pair.replica.stop()
    pair.make_replica()


@pytest.fixture
def standby(primary: Standby) -> Iterator[Standby]:
    standby = Standby(primary.var, "standby", primary.port + 1)
    standby.make(primary.port)
    yield standby
    standby.stop()


@pytest.fixture
def start(primary: Standby, standby: Standby, tmp_path: Path) -> Iterator[Callable[[str], Server]]:
    """Start Morpheus with the cache on or off; both URLs name both servers."""
    folder = Addresses.under(primary.var).socket_dir
    url = f"postgresql://morpheus_app@/morpheus?host={folder},{folder}"
    url += f"&port={primary.port},{standby.port}&target_session_attrs="
    started: list[Server] = []

    def start(cache: str) -> Server:
        urls = {"DATABASE_URL": f"{url}read-write", "DATABASE_REPLICA_URL": f"{url}standby"}
        settings = environment(primary.var, MORPHEUS_CACHE=cache, **urls)
        started.append(Server(settings, tmp_path / "server.log", threads=THREADS))
        return started[0]

    yield start
    for server in started:
        server.stop()


class Writing:
    """Clients that rename a comic each, as long as the block lasts."""

    def __init__(self, writer: Client) -> None:
        self._writer = writer
        self._end = threading.Event()
        comic = {"title": "Mine", "visibility": "public"}
        ids = [writer.send("POST", "/comics/", comic).json["id"] for _ in range(THREADS)]
        self._threads = [threading.Thread(target=self._write, args=[each]) for each in ids]
        self.statuses: list[int] = []

    def _write(self, comic_id: int) -> None:
        path = f"/comics/{comic_id}/"
        while not self._end.is_set():
            self.statuses.append(self._writer.send("PATCH", path, {"title": "Still"}).status)

    def __enter__(self) -> Writing:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()


def test_writes_go_on_with_the_promoted_replica(
    start: Callable[[str], Server], primary: Standby, standby: Standby
) -> None:
    server = start("off")
    [(email,)] = primary.run("SELECT email FROM users_user ORDER BY id LIMIT 1")
    writer = server.login(email, PASSWORD)
    server.until_replica_is_used()

    with Writing(writer) as writing:
        wait_until(lambda: len(writing.statuses) > 40)
        caught_up(primary, standby)
        primary.stop()
        standby.promote()
        before = len(writing.statuses)
        wait_until(lambda: writing.statuses[before:].count(200) > 40)

    failed = [status for status in writing.statuses if status != 200]
    assert set(failed) <= {503}
    assert len(failed) <= THREADS
    assert server.get("/comics/").status == 200


def test_the_cache_forgets_what_the_promoted_replica_never_received(
    start: Callable[[str], Server], primary: Standby, standby: Standby
) -> None:
    server = start("on")
    [(email,)] = primary.run("SELECT email FROM users_user ORDER BY id LIMIT 1")
    writer = server.login(email, PASSWORD)
    made = writer.send("POST", "/comics/", {"title": "Received", "visibility": "public"})
    path = f"/comics/{made.json['id']}/"
    caught_up(primary, standby)
    standby.run("ALTER SYSTEM SET primary_conninfo = ''")
    standby.run("SELECT pg_reload_conf()")
    wait_until(lambda: primary.run("SELECT count(*) FROM pg_stat_replication") == [(0,)])
    assert writer.send("PATCH", path, {"title": "Lost"}).status == 200
    assert {server.get(path).json["title"] for _ in range(10)} == {"Lost"}

    primary.stop()
    standby.promote()

    wait_until(lambda: server.get(path).status == 200)
    wait_until(lambda: server.get(path).json["title"] == "Received", patience_s=3)
    assert writer.send("PATCH", path, {"title": "After"}).status == 200
    assert server.get(path).json["title"] == "After"


def caught_up(primary: Standby, standby: Standby) -> None:
    """Wait until the standby has replayed all that is written now."""
    [(position,)] = primary.run("SELECT pg_current_wal_flush_lsn()::text")
    replayed = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
    wait_until(lambda: standby.run(replayed, position) == [(True,)])
