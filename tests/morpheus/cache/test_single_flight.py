"""Cross-process single-flight: one process computes an expensive value."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from morpheus.cache.policies import CachePolicy
from morpheus.cache.redis_client import RedisClient, RedisUnavailable
from morpheus.cache.single_flight import SingleFlight
from morpheus.cache.store import cache_store
from tests.morpheus.cache.source import TAG, Source, hold


@pytest.fixture
def costly(make_policy: Callable[..., CachePolicy]) -> Source:
    """Its lease is longer than any test waits."""
    return Source(make_policy(lease_s=60))


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each thread be a process of its own: they share no flight."""
    monkeypatch.setattr(SingleFlight, "run", lambda flights, key, work, **_: (work(), False))


def lease_of(source: Source) -> str:
    return f"lease:{source.policy.key(1, None)}"


def lease_elsewhere(source: Source, seconds: float = 60) -> None:
    cache_store().client.run(
        lambda prefix: [("SET", prefix + lease_of(source), 1, "PX", int(seconds * 1000))]
    )


def is_leased(source: Source) -> bool:
    return cache_store().client.run(lambda prefix: [("EXISTS", prefix + lease_of(source))]) == [1]


def test_processes_that_want_the_same_compute_it_once(
    costly: Source, processes: None, in_thread: Callable[..., threading.Thread]
) -> None:
    loading, release = threading.Event(), threading.Event()
    costly.before_return = hold(loading, release)
    read: list[Any] = []
    first = in_thread(lambda: read.append(costly.read()))
    assert loading.wait(10)

    others = [in_thread(lambda: read.append(costly.read())) for _ in range(3)]
    time.sleep(0.1)  # They would have begun by now.
    release.set()
    for thread in (first, *others):
        thread.join(10)

    assert read == ["old"] * 4
    assert costly.loads == 1
    assert not is_leased(costly)


def test_without_a_lease_each_computes_it(
    source: Source, processes: None, in_thread: Callable[..., threading.Thread]
) -> None:
    everybody = threading.Barrier(3)
    source.before_return = lambda: everybody.wait(10)

    for thread in [in_thread(source.read) for _ in range(3)]:
        thread.join(10)

    assert source.loads == 3


def test_a_lease_released_without_a_value_goes_to_a_waiting_process(
    costly: Source, in_thread: Callable[..., threading.Thread]
) -> None:
    lease_elsewhere(costly)
    waiting = in_thread(costly.read)
    time.sleep(0.1)
    assert costly.loads == 0

    cache_store().client.run(lambda prefix: [("DEL", prefix + lease_of(costly))])
    waiting.join(10)

    assert costly.loads == 1 and not waiting.is_alive()


def test_an_expired_lease_of_a_dead_process_is_not_waited_for(
    make_policy: Callable[..., CachePolicy],
) -> None:
    costly = Source(make_policy(lease_s=0.2))
    lease_elsewhere(costly, seconds=60)

    assert costly.read() == "old"

    assert costly.loads == 1 and is_leased(costly)


def test_a_load_that_fails_gives_the_lease_back(costly: Source) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    costly.before_return = fail
    with pytest.raises(ZeroDivisionError):
        costly.read()

    assert not is_leased(costly)


def test_a_waiting_process_gets_no_invalidated_value(
    costly: Source, in_thread: Callable[..., threading.Thread]
) -> None:
    """What the other one fills was read before the write."""
    versions = cache_store().read_versions([TAG, "all"])
    lease_elsewhere(costly)
    read: list[Any] = []
    waiting = in_thread(lambda: read.append(costly.read()))
    time.sleep(0.1)

    costly.write("new")
    cache_store().fill({costly.policy.key(1, None): (versions, b'"old"')}, 60)
    cache_store().client.run(lambda prefix: [("DEL", prefix + lease_of(costly))])
    waiting.join(10)

    assert read == ["new"]


def test_while_the_server_is_away_no_process_waits_for_a_lease(
    costly: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease_elsewhere(costly)
    run = RedisClient.run

    def gone(server: RedisClient, command: Any) -> Any:
        if any("lease:" in str(word) for each in command("") for word in each):
            raise RedisUnavailable("It is away.")
        return run(server, command)

    monkeypatch.setattr(RedisClient, "run", gone)

    assert costly.read() == "old"
    assert costly.loads == 1
