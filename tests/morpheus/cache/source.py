"""A source of values whose readers and writers can be held at any point."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from morpheus.cache.cached_reads import read
from morpheus.cache.policies import CachePolicy
from morpheus.cache.store import cache_store

TAG = "thing:1"


def hold(begun: threading.Event, release: threading.Event) -> Callable[[], None]:
    """Return a `before_return` that says when a load has begun, and waits."""

    def wait() -> None:
        begun.set()
        assert release.wait(10)

    return wait


class Source:
    """One value that is read through the cache; `loads` counts how often it was loaded."""

    def __init__(self, policy: CachePolicy) -> None:
        self.policy = policy
        self.value: Any = "old"
        self.loads = 0
        # Called between the reading of the value and the return of `load`.
        self.before_return: Callable[[], Any] = lambda: None

    def load(self) -> Any:
        self.loads += 1
        value = self.value
        self.before_return()
        return value

    def read(self, **options: Any) -> Any:
        return read(self.policy, 1, tags=[TAG], load=self.load, **options)

    def write(self, value: Any) -> None:
        """Change the value as a service does: mark, commit, renew."""
        cache_store().set_write_intents([TAG], "writer")
        self.value = value
        cache_store().invalidate([TAG], "writer")
