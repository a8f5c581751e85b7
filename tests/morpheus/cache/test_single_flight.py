"""Of processes that want the same dear value, one computes it."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from morpheus.cache.redis_client import RedisClient, RedisUnavailable
from morpheus.cache.single_flight import SingleFlight
from morpheus.cache.store import cache_store
from tests.morpheus.cache.source import TAG, Source


@pytest.fixture
def dear(make_policy) -> Source:
    """Nobody waits here until a lease ends by itself."""
    return Source(make_policy(lease_s=60))


@pytest.fixture
def processes(monkeypatch) -> None:
    """Let each thread be a process of its own: they share no flight."""
    monkeypatch.setattr(SingleFlight, "run", lambda flights, key, work, **_: (work(), False))


def lease_of(source: Source) -> str:
    return f"lease:{source.policy.key(1, None)}"


def somebody_leases(source: Source, seconds: float = 60) -> None:
    cache_store().client.run(
        lambda prefix: [("SET", prefix + lease_of(source), 1, "PX", int(seconds * 1000))]
    )


def is_leased(source: Source) -> bool:
    return cache_store().client.run(lambda prefix: [("EXISTS", prefix + lease_of(source))]) == [1]


def test_processes_that_want_the_same_compute_it_once(dear, processes, in_thread):
    loading, release = threading.Event(), threading.Event()
    dear.before_return = lambda: (loading.set(), release.wait(10))
    read: list[Any] = []
    first = in_thread(lambda: read.append(dear.read()))
    assert loading.wait(10)

    others = [in_thread(lambda: read.append(dear.read())) for _ in range(3)]
    time.sleep(0.1)  # They would have begun by now.
    release.set()
    for thread in (first, *others):
        thread.join(10)

    assert read == ["old"] * 4
    assert dear.loads == 1
    assert not is_leased(dear)


def test_without_a_lease_each_computes_it(source, processes, in_thread):
    everybody = threading.Barrier(3)
    source.before_return = lambda: everybody.wait(10)

    for thread in [in_thread(source.read) for _ in range(3)]:
        thread.join(10)

    assert source.loads == 3


def test_a_lease_that_is_given_back_without_a_value_goes_to_who_waits(dear, in_thread):
    somebody_leases(dear)
    waiting = in_thread(dear.read)
    time.sleep(0.1)
    assert dear.loads == 0

    cache_store().client.run(lambda prefix: [("DEL", prefix + lease_of(dear))])
    waiting.join(10)

    assert dear.loads == 1 and not waiting.is_alive()


def test_who_died_with_the_lease_is_not_waited_for_after_its_end(make_policy):
    dear = Source(make_policy(lease_s=0.2))
    somebody_leases(dear, seconds=60)

    assert dear.read() == "old"

    assert dear.loads == 1 and is_leased(dear)


def test_a_load_that_fails_gives_the_lease_back(dear):
    def fail() -> None:
        raise ZeroDivisionError

    dear.before_return = fail
    with pytest.raises(ZeroDivisionError):
        dear.read()

    assert not is_leased(dear)


def test_who_waits_gets_nothing_that_a_write_has_ended(dear, in_thread):
    """What the other one fills was read before the write."""
    versions = cache_store().read_versions([TAG, "all"])
    somebody_leases(dear)
    read: list[Any] = []
    waiting = in_thread(lambda: read.append(dear.read()))
    time.sleep(0.1)

    dear.write("new")
    cache_store().fill({dear.policy.key(1, None): (versions, b'"old"')}, 60)
    cache_store().client.run(lambda prefix: [("DEL", prefix + lease_of(dear))])
    waiting.join(10)

    assert read == ["new"]


def test_while_the_server_is_away_nobody_waits_for_a_lease(dear, monkeypatch):
    somebody_leases(dear)
    run = RedisClient.run

    def gone(server: RedisClient, command: Any) -> Any:
        if any("lease:" in str(word) for each in command("") for word in each):
            raise RedisUnavailable("It is away.")
        return run(server, command)

    monkeypatch.setattr(RedisClient, "run", gone)

    assert dear.read() == "old"
    assert dear.loads == 1
