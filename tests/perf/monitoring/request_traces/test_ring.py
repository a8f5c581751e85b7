"""Records are bounded by number and by bytes; the newest are there."""

from __future__ import annotations

import pytest
from django.conf import settings

from morpheus.cache.circuit_breaker import CircuitBreaker
from morpheus.cache.redis_client import RedisClient
from perf.monitoring.request_traces.record import MAX_RECORD_BYTES, fitted
from perf.monitoring.request_traces.ring import Ring


@pytest.fixture
def make_ring():
    made = []

    def make(**bounds):
        url = settings.CACHES["explained"]["LOCATION"]
        made.append(RedisClient(url, timeout_s=1, breaker=CircuitBreaker(cool_down_s=1)))
        return Ring(made[-1], **bounds)

    yield make
    for server in made:
        server.close()


def keep(ring, name, size=2):
    ring.keep({"id": name}, b'"' + b"x" * (size - 2) + b'"')


def names(ring):
    return [head["id"] for head in ring.heads()]


def test_of_too_many_the_oldest_go_with_their_records(make_ring):
    ring = make_ring(max_records=3)

    for name in "abcde":
        keep(ring, name)

    assert names(ring) == ["e", "d", "c"]
    assert ring.record("b") is None
    assert ring.record("c") is not None


def test_of_too_large_ones_as_many_are_kept_as_fit(make_ring):
    ring = make_ring(max_bytes=1000)

    for name in "abcde":
        keep(ring, name, size=300)
    assert names(ring) == ["e", "d", "c"]

    keep(ring, "large", size=2000)
    assert names(ring) == []
    assert ring.record("large") is None

    keep(ring, "small")
    assert names(ring) == ["small"]


def test_a_record_that_is_too_large_loses_the_last_of_its_statements():
    record = {
        "statements": [{"at": at, "sql": "x" * 4000} for at in range(100)],
        "statements_left_out": 5,
        "cache": [{"at": at} for at in range(4)],
        "cache_left_out": 0,
    }

    assert len(fitted(record)) <= MAX_RECORD_BYTES
    assert [one["at"] for one in record["statements"]] == [*range(50)]
    assert record["statements_left_out"] == 55
    assert (len(record["cache"]), record["cache_left_out"]) == (2, 2)


def test_what_there_is_not_is_none(make_ring):
    assert make_ring().record("nothing") is None
    assert make_ring().heads() == []
