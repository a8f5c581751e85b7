"""Limits per caller, counted in the real cache server."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from morpheus.cache.store import cache_store
from morpheus.http.throttling import WindowLimit, WriteThrottle


@pytest.fixture(autouse=True)
def five_writes_a_day(settings: Any) -> None:
    settings.MORPHEUS_THROTTLE_RATES = {"write": (5, 86_400)}


def allow(method: Any = "post", **extra: Any) -> Any:
    request = Request(getattr(APIRequestFactory(), method)("/", **extra))
    request.user = AnonymousUser()
    return WriteThrottle().allow_request(request, APIView())


def test_writes_beyond_the_limit_are_refused_and_reads_are_not() -> None:
    assert [allow() for _ in range(6)] == [True] * 5 + [False]
    assert allow("get")


def test_each_address_has_its_own_limit() -> None:
    for _ in range(6):
        allow()

    assert allow(REMOTE_ADDR="192.0.2.9")


def test_addresses_of_one_ipv6_network_share_a_limit() -> None:
    for number in range(6):
        allow(REMOTE_ADDR=f"2001:db8::{number}")

    assert not allow(REMOTE_ADDR="2001:db8::ffff")
    assert allow(REMOTE_ADDR="2001:db8:0:1::1")


def test_concurrent_attempts_are_all_counted() -> None:
    with ThreadPoolExecutor(10) as pool:
        results = list(pool.map(lambda _: allow(), range(40)))

    assert results.count(True) == 5


def test_without_a_cache_server_there_is_no_limit(no_cache_server: None) -> None:
    assert all(allow() for _ in range(8))


def test_a_limit_slides_over_the_border_of_two_windows(settings: Any) -> None:
    """Fixed windows would allow ten more as soon as the second window begins."""
    settings.MORPHEUS_THROTTLE_RATES = {"write": (10, 3)}
    limit = WindowLimit("write", "ann")
    assert limit.acquire()
    began = time.monotonic()
    time.sleep(2.5)
    assert [limit.acquire() for _ in range(10)] == [True] * 9 + [False]
    time.sleep(began + 3.2 - time.monotonic())

    allowed = sum(limit.acquire() for _ in range(10))

    passed = (time.monotonic() - began - 3) / 3
    assert 1 <= allowed <= 10 * passed + 1


def test_a_refused_attempt_is_within_the_limit_after_the_wait(settings: Any) -> None:
    settings.MORPHEUS_THROTTLE_RATES = {"write": (4, 1)}
    limit = WindowLimit("write", "ann")
    for _ in range(12):
        while not limit.acquire():
            wait_s = limit.wait_s()
            assert 0 <= wait_s <= 1
            time.sleep(wait_s + 0.005)


def test_an_attempt_that_is_given_back_is_not_counted() -> None:
    limit = WindowLimit("write", "ann")

    for _ in range(20):
        assert limit.acquire()
        limit.release()


def test_headers_say_the_limit_and_the_remainder(settings: Any) -> None:
    settings.MORPHEUS_THROTTLE_RATES = {"write": (2, 60)}
    limit = WindowLimit("write", "ann")
    seen = []
    for _ in range(3):
        limit.acquire()
        headers = limit.headers()
        assert headers["RateLimit-Policy"] == '"write";q=2;w=60'
        left, seconds = re.fullmatch(r'"write";r=(\d+);t=(\d+)', headers["RateLimit"]).groups()  # type: ignore[union-attr]
        assert 50 <= int(seconds) <= 60
        seen.append(int(left))

    assert seen == [1, 0, 0]


def test_an_attempt_costs_one_round_trip(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    client = cache_store().client
    run = client.run

    def count_and_run(build: Any) -> Any:
        calls.append(build)
        return run(build)

    monkeypatch.setattr(client, "run", count_and_run)
    limit = WindowLimit("write", "ann")

    limit.acquire()
    limit.headers()

    assert len(calls) == 1


@pytest.mark.django_db(transaction=True)
def test_writes_have_the_headers_and_refusals_too(
    as_user: Any, make_user: Any, settings: Any
) -> None:
    settings.MORPHEUS_THROTTLE_RATES = {"write": (2, 60)}
    client = as_user(make_user())

    created, wrong, refused = (
        client.post("/api/v1/comics/", {"title": title}) for title in ("New", "", "New")
    )

    statuses = [each.status_code for each in (created, wrong, refused)]
    assert statuses == [201, 400, 429]
    assert refused.json()["code"] == "throttled"
    for response, left in ((created, 1), (wrong, 0), (refused, 0)):
        assert response["RateLimit-Policy"] == '"write";q=2;w=60'
        assert response["RateLimit"].startswith(f'"write";r={left};t=')
    assert "RateLimit" not in client.get("/api/v1/comics/")


@pytest.mark.django_db(transaction=True)
def test_without_a_cache_server_there_are_no_headers(
    as_user: Any, make_user: Any, no_cache_server: None
) -> None:
    response = as_user(make_user()).post("/api/v1/comics/", {"title": "New"})

    assert response.status_code == 201 and "RateLimit" not in response
