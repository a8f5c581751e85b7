"""A source of values, policies that are forgotten, and threads that end."""

from __future__ import annotations

import gzip
import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import override_settings
from rest_framework.test import APIClient

from morpheus.cache.outbox import CHANNEL, OutboxListener, connect
from morpheus.cache.policies import POLICIES, CachePolicy
from tests.morpheus.cache.callers import Caller
from tests.morpheus.cache.source import Source
from tests.visitor import Visitor

# Headers that differ between responses, or with the encoding. Django replaces an invalid CSRF
# cookie in any response; the response cache sets no cookie.
OWN = {"X-Request-ID", "Server-Timing", "Content-Length", "Content-Encoding", "Set-Cookie"}

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


@pytest.fixture
def ask(visitor: Visitor) -> Any:
    """Send a GET and return what the client gets, whatever form it is sent in."""

    def ask(path: str, *, alone: bool = False, **environ: str) -> Any:
        # Settings of the fixture lie on top of each other until the test ends: hundreds of them
        # come near the limit of Python's stack.
        with override_settings(MORPHEUS_CACHE=not alone):
            answer = visitor.get(path, **environ)
        assert not (answer.was_cached and "Set-Cookie" in answer.headers)
        body = answer.body
        if answer.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        is_private = "private" in answer.headers.get("Cache-Control", "")
        assert not (is_private and "Content-Encoding" in answer.headers)
        headers = {name: value for name, value in answer.headers.items() if name not in OWN}
        if (cookie := answer.headers.get("Set-Cookie", "")).startswith("sessionid="):
            headers["Set-Cookie"] = cookie
        # Weak is that of a compressed body.
        if "ETag" in headers:
            headers["ETag"] = headers["ETag"].removeprefix("W/")
        return answer.status, headers, body

    return ask


@pytest.fixture
def make_caller(
    make_user: Callable[..., Any], as_user: Callable[..., APIClient]
) -> Callable[..., Caller]:
    def make(name: str, **fields: Any) -> Caller:
        user = make_user(name, **fields)
        return Caller(user, as_user(user))

    return make


@pytest.fixture
def ann(make_caller: Callable[..., Caller]) -> Caller:
    return make_caller("ann")


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
