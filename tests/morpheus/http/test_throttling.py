"""Limits per caller, counted in the real cache server."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from morpheus.http.throttling import WriteThrottle


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
