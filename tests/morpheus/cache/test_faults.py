"""Faults of the cache server: responses stay right, and no stale value returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as current_settings
from rest_framework.test import APIClient

from morpheus.cache.cached_reads import read
from morpheus.cache.policies import CachePolicy
from morpheus.cache.redis_client import CircuitBreaker, RedisClient, server_breaker
from morpheus.cache.store import CacheStore, cache_store
from novels.models import Novel
from tests.conftest import PASSWORD
from tests.morpheus.cache.conftest import stop_listener
from tests.visitor import counted_queries

from .own_server import OwnServer, free_port, short_folder, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

_start_listener = CacheStore._start_listener  # As it is; tests are otherwise without a listener.

LOGIN = {"email": "ann@example.org", "password": PASSWORD}


def use(server: OwnServer, settings: Any) -> None:
    """Let all caches of this process be on `server`, as a process that has just begun."""
    settings.CACHES = {
        alias: options | {"LOCATION": f"{server.url}?db={number}"}
        for number, (alias, options) in enumerate(settings.CACHES.items())
    }
    cache_store.cache_clear()


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder() as folder:
        yield Path(folder)


@pytest.fixture
def make_server(
    folder: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., OwnServer]]:
    """Start a server, and use it with a real listener."""
    monkeypatch.setattr(CacheStore, "_start_listener", _start_listener)
    # Long enough to be one, short enough not to wait for.
    monkeypatch.setattr(server_breaker, "cool_down_s", 0.02)
    made: list[OwnServer] = []

    def make(*options: str) -> OwnServer:
        made.append(OwnServer(folder, *options))
        use(made[0], settings)
        return made[0]

    yield make
    if listener := cache_store()._listener:
        stop_listener(listener)
    cache_store().client.close()
    for server in made:
        server.kill()


@dataclass
class World:
    """A novel that is read through the cache and written through the API.

    Attributes:
        other: What another process of ours keeps of the cache.
    """

    novel: Novel
    owner: APIClient
    browser: APIClient
    policy: CachePolicy
    other: CacheStore

    def title(self) -> str:
        def load() -> str:
            return Novel.objects.values_list("title", flat=True).get(pk=self.novel.pk)

        return str(read(self.policy, self.novel.pk, tags=[f"novel:{self.novel.pk}"], load=load))

    def rename(self, title: str) -> None:
        path = f"/api/v1/novels/{self.novel.pk}/"
        assert self.owner.patch(path, {"title": title}).status_code == 200

    def is_kept(self) -> bool:
        with counted_queries() as seen:
            self.title()
        return not seen.sql

    def shows(self, title: str) -> bool:
        """Tell whether everybody is shown this title, without an error."""
        answers = [
            APIClient().get("/api/v1/novels/").json()["results"][0],
            self.owner.get(f"/api/v1/novels/{self.novel.pk}/").json(),
            self.browser.get(f"/api/v1/novels/{self.novel.pk}/").json(),
        ]
        return {answer["title"] for answer in answers} | {self.title()} == {title}

    def logs_in(self) -> bool:
        client = APIClient()
        token = client.post("/api/v1/auth/token/", LOGIN)
        session = client.post("/api/v1/auth/login/", LOGIN, format="json")
        return (token.status_code, session.status_code) == (200, 200)

    def is_recovered(self) -> bool:
        return cache_store().is_readable() and self.other.is_readable()

    def kept_by_the_other(self) -> bytes:
        [value] = self.other.fetch([self.policy.key(self.novel.pk, None)])
        return value[1] if value else b""


@pytest.fixture
def make_world(
    make_user: Any, as_user: Any, make_novels: Any, make_policy: Any
) -> Iterator[Callable[[], World]]:
    """Make a cached novel called Old, and users that are logged in."""
    others: list[CacheStore] = []

    def make() -> World:
        ann = make_user("ann")
        [novel] = make_novels(1, owner=ann, title="Old")
        browser = APIClient()
        assert browser.post("/api/v1/auth/login/", LOGIN, format="json").status_code == 200
        url = current_settings.CACHES["values"]["LOCATION"]
        others.append(
            CacheStore(RedisClient(url, timeout_s=0.25, breaker=CircuitBreaker(cool_down_s=0.02)))
        )
        world = World(novel, as_user(ann), browser, make_policy(), others[0])
        wait_until(world.is_recovered, "the first look at the outbox")
        wait_until(world.is_kept, "the value in the cache")
        assert world.shows("Old")
        return world

    yield make
    for other in others:
        if other._listener:
            stop_listener(other._listener)
        other.client.close()


def kill_server(server: OwnServer) -> Callable[[], Any]:
    server.kill()
    return server.start


def stall_server(server: OwnServer) -> Callable[[], Any]:
    server.stall()
    return server.go_on


def flush_server(server: OwnServer) -> Callable[[], Any]:
    server.command("FLUSHALL")
    return lambda: None


def full(server: OwnServer) -> Callable[[], Any]:
    server.command("CONFIG", "SET", "maxmemory", "1mb")
    return lambda: server.command("CONFIG", "SET", "maxmemory", "0")


def loading_an_old_snapshot(server: OwnServer) -> Callable[[], Any]:
    server.command("SAVE")
    server.kill()
    return server.start


@pytest.mark.parametrize(
    "fault", [kill_server, stall_server, flush_server, full, loading_an_old_snapshot]
)
def test_responses_stay_right_and_nothing_stale_returns(
    make_server: Any, make_world: Any, fault: Callable[[OwnServer], Callable[[], Any]]
) -> None:
    server = make_server()
    world = make_world()

    mend = fault(server)
    try:
        assert world.shows("Old")
        world.rename("Meanwhile")
        assert world.shows("Meanwhile")
        assert world.logs_in()
    finally:
        mend()

    def recovered() -> bool:
        assert world.title() == "Meanwhile"
        return bool(world.is_recovered() and world.is_kept())

    wait_until(recovered, "a cache that is used again")
    assert world.kept_by_the_other() in (b"", b'"Meanwhile"')
    assert world.shows("Meanwhile")
    world.rename("After")
    assert world.shows("After")
    assert world.logs_in()


def test_what_an_old_snapshot_says_is_not_read(make_server: Any, make_world: Any) -> None:
    server = make_server()
    world = make_world()
    server.command("SAVE")
    world.rename("New")

    server.kill()
    server.start()

    # Or there would be nothing to be misled by.
    assert b"Old" in (folder_of(server) / "dump.rdb").read_bytes()
    assert world.shows("New")
    wait_until(lambda: world.is_recovered() and world.is_kept(), "a cache that is used again")
    assert world.shows("New")


def folder_of(server: OwnServer) -> Path:
    return server.socket.parent


def test_a_server_that_forgets_tags_is_never_wrong(make_server: Any, make_world: Any) -> None:
    server = make_server("--maxmemory-policy", "allkeys-random")
    world = make_world()
    used = int(server.command("INFO", "memory")["used_memory"])
    server.command("CONFIG", "SET", "maxmemory", used + 200_000)

    for number in range(8):
        for part in range(4):
            keys = (f"{number}:{part}:{filler}" for filler in range(50))
            server.command("MSET", *(word for key in keys for word in (key, "x" * 2000)))
        world.rename(f"Title {number}")
        assert world.shows(f"Title {number}")

    assert int(server.command("INFO", "stats")["evicted_keys"]) > 100


def test_a_promoted_replica_says_nothing_old(
    make_server: Any, make_world: Any, folder: Path
) -> None:
    port = free_port()
    server = make_server("--port", str(port))
    world = make_world()
    (folder / "replica").mkdir()
    replica = OwnServer(folder / "replica", "--replicaof", f"127.0.0.1 {port}")
    try:
        linked = "the replica's copy"
        wait_until(lambda: replica.command("INFO")["master_link_status"] == "up", linked)
        values = current_settings.CACHES["values"]["LOCATION"].rpartition("=")[2]
        assert replica.command("INFO")[f"db{values}"]["keys"] > 0
        # What comes now it never learns of; and then it follows a dead server, read-only.
        replica.command("REPLICAOF", "NO", "ONE")
        world.rename("New")
        server.kill()
        replica.command("REPLICAOF", "127.0.0.1", port)
        replica.socket.rename(server.socket)
        replica.socket = server.socket

        assert world.shows("New")
        world.rename("Meanwhile")
        assert world.shows("Meanwhile")
        assert world.logs_in()
        replica.command("REPLICAOF", "NO", "ONE")

        wait_until(lambda: world.is_recovered() and world.is_kept(), "a cache that is used again")
        assert world.shows("Meanwhile")
        world.rename("After")
        assert world.shows("After")
    finally:
        replica.kill()
        server.start()


def test_a_stalled_server_is_asked_once_in_each_rest(
    make_server: Any, make_world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = make_server()
    world = make_world()
    monkeypatch.setattr(server_breaker, "cool_down_s", 3600)
    before = server_breaker.failures

    server.stall()
    try:
        for _ in range(5):
            assert world.shows("Old")
            assert world.logs_in()
            assert APIClient().get("/readyz").json()["checks"]["cache"] == "unreachable"
    finally:
        server.go_on()

    assert server_breaker.failures - before == 1


def test_a_logout_while_the_server_is_stalled_lasts(make_server: Any, make_world: Any) -> None:
    server = make_server()
    world = make_world()
    me = "/api/v1/users/me/"
    key = world.browser.cookies["sessionid"].value
    assert world.browser.get(me).status_code == 200

    server.stall()
    try:
        # With it the breaker opens: the server is not even told of the logout.
        assert world.browser.get(me).status_code == 200
        assert world.browser.post("/api/v1/auth/logout/").status_code == 204
    finally:
        server.go_on()

    def recovered() -> bool:
        world.browser.cookies["sessionid"] = key
        assert world.browser.get(me).status_code == 401
        return world.is_recovered() and not server_breaker.is_open

    wait_until(recovered, "a cache that is used again")
    # The other process may only now see the logout wait in the outbox, and use no cache meanwhile.
    wait_until(recovered, "the session from the cache")


def test_the_state_is_a_metric(make_server: Any, make_world: Any) -> None:
    def metric(name: str) -> float:
        lines = APIClient().get("/metrics").content.decode().splitlines()
        return float(next(line for line in lines if line.startswith(f"{name} ")).split()[1])

    server = make_server()
    world = make_world()
    wait_until(lambda: world.title() and metric("morpheus_cache_up") == 1, "the metric")
    failures = metric("morpheus_cache_failures_total")

    server.kill()
    world.title()
    assert metric("morpheus_cache_up") == 0
    assert metric("morpheus_cache_failures_total") > failures

    server.start()
    wait_until(lambda: world.title() and metric("morpheus_cache_up") == 1, "the metric")
