"""The trace store is limited in number and bytes, and holds the newest traces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings

from morpheus.cache.redis_client import CircuitBreaker, RedisClient
from perf.monitoring.request_traces.document import MAX_TRACE_BYTES, serialize_trace
from perf.monitoring.request_traces.storage import TraceStore


@pytest.fixture
def make_store() -> Iterator[Callable[..., TraceStore]]:
    made = []

    def make(**bounds: Any) -> TraceStore:
        url = settings.CACHES["explained"]["LOCATION"]
        made.append(RedisClient(url, timeout_s=1, breaker=CircuitBreaker(cool_down_s=1)))
        return TraceStore(made[-1], **bounds)

    yield make
    for server in made:
        server.close()


def add(store: TraceStore, name: str, size: int = 2) -> None:
    store.add({"id": name}, b'"' + b"x" * (size - 2) + b'"')


def names(store: TraceStore) -> list[Any]:
    return [summary["id"] for summary in store.summaries()]


def test_beyond_the_number_the_oldest_traces_are_deleted(
    make_store: Callable[..., TraceStore],
) -> None:
    store = make_store(max_traces=3)

    for name in "abcde":
        add(store, name)

    assert names(store) == ["e", "d", "c"]
    assert store.trace("b") is None
    assert store.trace("c") is not None


def test_beyond_the_size_the_oldest_traces_are_deleted(
    make_store: Callable[..., TraceStore],
) -> None:
    store = make_store(max_bytes=1000)

    for name in "abcde":
        add(store, name, size=300)
    assert names(store) == ["e", "d", "c"]

    add(store, "large", size=2000)
    assert names(store) == []
    assert store.trace("large") is None

    add(store, "small")
    assert names(store) == ["small"]


def test_a_trace_that_is_too_large_loses_its_last_statements() -> None:
    trace: dict[str, Any] = {
        "statements": [{"at": at, "sql": "x" * 4000} for at in range(100)],
        "statements_left_out": 5,
        "cache": [{"at": at} for at in range(4)],
        "cache_left_out": 0,
    }

    assert len(serialize_trace(trace)) <= MAX_TRACE_BYTES
    assert [item["at"] for item in trace["statements"]] == [*range(50)]
    assert trace["statements_left_out"] == 55
    assert (len(trace["cache"]), trace["cache_left_out"]) == (2, 2)


def test_an_unknown_trace_is_none(make_store: Callable[..., TraceStore]) -> None:
    assert make_store().trace("nothing") is None
    assert make_store().summaries() == []
