"""WSGI entry point like `morpheus.wsgi`, with a sabotaged cache, for the checker to report.

The environment says what is changed:

- `CONSISTENCY_SABOTAGE`: one of `phases.SABOTAGES`, or empty;
- `CONSISTENCY_DELAY_S`: the longest random delay at the places where races are decided, every third
  time;
- `CONSISTENCY_CRASHES`: the share of writes at which the process kills itself between the commit
  and the invalidation.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from morpheus.cache.batch_read import BatchRead
from morpheus.cache.store import ALL, CacheStore, cache_store, has_write_intent
from morpheus.wsgi import application

__all__ = ["application"]


def apply(environment: Mapping[str, str]) -> None:
    """Change the cache of this process as the environment says."""
    delay_s = float(environment.get("CONSISTENCY_DELAY_S") or 0)
    crashes = float(environment.get("CONSISTENCY_CRASHES") or 0)
    _delay_invalidation(delay_s, crashes)
    sabotage = environment.get("CONSISTENCY_SABOTAGE")
    if sabotage in ("no-write-intents", "late-invalidation"):
        CacheStore.set_write_intents = _set_nothing  # type: ignore[method-assign]
    if sabotage == "late-invalidation":
        _invalidate_later()
    if sabotage == "late-versions":
        _read_versions_late(delay_s)


def _delay(delay_s: float) -> None:
    if random.random() < 1 / 3:  # noqa: S311
        time.sleep(random.uniform(0, delay_s))  # noqa: S311


def _set_nothing(self: CacheStore, tags: Sequence[str], token: str) -> None:
    """Set no write intents."""


def _delay_invalidation(delay_s: float, crashes: float) -> None:
    invalidate = CacheStore.invalidate

    def delayed(self: CacheStore, tags: Sequence[str], token: str | None = None) -> None:
        if token is not None:  # After a commit, not from the outbox.
            _delay(delay_s)
            if random.random() < crashes:  # noqa: S311
                os.kill(os.getpid(), signal.SIGKILL)
        invalidate(self, tags, token)

    CacheStore.invalidate = delayed  # type: ignore[method-assign]


def _invalidate_later() -> None:
    """Send the response first, and invalidate in another thread.

    Write intents are removed, too: they alone would make all readers bypass the cache.
    """
    invalidate = CacheStore.invalidate
    threads = ThreadPoolExecutor(max_workers=8)

    def postponed(self: CacheStore, tags: Sequence[str], token: str | None = None) -> None:
        threads.submit(invalidate, self, tags, token)

    CacheStore.invalidate = postponed  # type: ignore[method-assign]


def _read_versions_late(delay_s: float) -> None:
    """Store loaded values under the versions that the tags have after the load."""
    store = BatchRead._store

    def store_late(
        self: BatchRead, payloads: Mapping[Any, bytes], versions: Mapping[Any, dict[str, str]]
    ) -> None:
        _delay(delay_s)
        tags = list(dict.fromkeys([*(tag for each in versions.values() for tag in each), ALL]))
        now = cache_store().read_versions(tags)
        if not any(has_write_intent(version) for version in now.values()):
            store(
                self, payloads, {key: {tag: now[tag] for tag in versions[key]} for key in versions}
            )

    BatchRead._store = store_late  # type: ignore[method-assign]


apply(os.environ)
