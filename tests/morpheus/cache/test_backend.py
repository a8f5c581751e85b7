"""Django's caches on a server that is there, and on one that is not."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import caches

from morpheus.cache.circuit_breaker import CircuitBreaker, circuit_breaker_for

NOWHERE = "redis://127.0.0.1:1"


@pytest.fixture
def nowhere(settings: Any) -> CircuitBreaker:
    """Let two caches be on a server that is not there, and that is never tried again by itself."""
    away = {
        alias: settings.CACHES[alias] | {"LOCATION": f"{NOWHERE}?db={number}"}
        for number, alias in enumerate(["default", "cachalot"])
    }
    settings.CACHES = settings.CACHES | away
    breaker = circuit_breaker_for(NOWHERE)
    breaker.cool_down_s = 3600
    breaker.failures = 0
    return breaker


def test_whatever_is_asked_a_server_that_is_away_is_like_an_empty_cache(
    nowhere: CircuitBreaker,
) -> None:
    cache = caches["default"]
    operations = [
        lambda: cache.set("key", 1),
        lambda: cache.get("key"),
        lambda: cache.get_many(["key"]) or None,
        lambda: cache.set_many({"key": 1}),
        lambda: cache.add("key", 1),
        lambda: cache.incr("key"),
        lambda: cache.delete("key"),
        lambda: cache.has_key("key"),
        lambda: cache.touch("key", 1),
        lambda: cache.ttl("key"),
        lambda: cache.expire("key", 1),
    ]
    for number, operation in enumerate(operations, 1):
        nowhere.record_success()
        assert operation() is None
        assert nowhere.failures == number


def test_all_caches_on_a_server_leave_it_alone_after_one_failure(nowhere: CircuitBreaker) -> None:
    for _ in range(3):
        assert caches["default"].get("key") is None
        assert caches["cachalot"].get("key") is None

    assert nowhere.failures == 1


def test_the_end_of_a_request_is_no_sign_of_life(nowhere: CircuitBreaker) -> None:
    caches["default"].get("key")

    caches["default"].close()

    assert nowhere.is_open


def test_a_response_closes_the_breaker_even_if_django_raises() -> None:
    cache = caches["default"]
    breaker = circuit_breaker_for(cache._server)
    for operation in (lambda: cache.get("key"), lambda: cache.incr("key")):
        breaker.record_failure()
        breaker._attempt_at = 0.0

        try:
            operation()
        except ValueError:
            pass  # There is no such key.

        assert not breaker.is_open


def test_servers_have_a_breaker_each_and_their_databases_share_it() -> None:
    assert circuit_breaker_for("redis://one:6379?db=0") is circuit_breaker_for(
        "redis://one:6379?db=3"
    )
    assert circuit_breaker_for("redis://one:6379?db=0") is not circuit_breaker_for(
        "redis://two:6379?db=0"
    )
    assert circuit_breaker_for("unix:///one?db=0") is not circuit_breaker_for("unix:///two?db=0")
