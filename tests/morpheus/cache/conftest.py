"""A source of values, policies that are forgotten, and threads that end."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from morpheus.cache.outbox import CHANNEL, connect
from morpheus.cache.outbox_listener import OutboxListener
from morpheus.cache.policies import POLICIES, CachePolicy
from tests.morpheus.cache.source import Source

_numbers = itertools.count()


@pytest.fixture
def make_policy() -> Iterator[Callable[..., CachePolicy]]:
    """Make a policy that is removed after the test."""
    names = []

    def make(**options: Any) -> CachePolicy:
        names.append(f"tests.{next(_numbers)}")
        return CachePolicy(names[-1], **{"version": 1, "ttl_s": 60} | options)

    yield make
    for name in names:
        POLICIES.pop(name, None)


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


def stop_listener(listener: OutboxListener) -> None:
    """End the thread of a listener, which a server only ends with its process."""

    def end(*arguments: float) -> None:
        raise SystemExit

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading, "excepthook", lambda arguments: None)
        listener._on_pending = listener._on_drained = end
        with connect() as connection:
            connection.execute(f"NOTIFY {CHANNEL}")
        listener._thread.join(30)
        assert not listener._thread.is_alive()
