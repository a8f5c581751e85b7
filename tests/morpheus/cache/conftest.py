"""A source of values, policies that are forgotten, and threads that end."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from morpheus.cache import policies
from morpheus.cache.policies import CachePolicy
from tests.morpheus.cache.source import Source

_numbers = itertools.count()


@pytest.fixture
def make_policy(monkeypatch: pytest.MonkeyPatch) -> Callable[..., CachePolicy]:
    """Make a policy that is forgotten after the test."""
    monkeypatch.setattr(policies, "POLICIES", {})

    def make(**options: Any) -> CachePolicy:
        return CachePolicy(f"tests.{next(_numbers)}", **{"version": 1, "ttl_s": 60} | options)

    return make


@pytest.fixture
def source(make_policy: Callable[..., CachePolicy]) -> Source:
    return Source(make_policy())


@pytest.fixture
def in_thread() -> Iterator[Callable[..., threading.Thread]]:
    """Run something in a thread, which is over when the test is."""
    threads = []

    def run(work: Callable[[], Any]) -> threading.Thread:
        threads.append(threading.Thread(target=work))
        threads[-1].start()
        return threads[-1]

    yield run
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
