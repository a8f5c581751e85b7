"""WSGI entry point like `morpheus.wsgi`, with a sabotaged cache, for the checker to report.

The environment selects the changes:

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

from morpheus.cache import response_cache
from morpheus.cache.batch_read import BatchRead
from morpheus.cache.store import ALL, CacheStore, cache_store, has_write_intent
from morpheus.cache.stored_responses import are_current
from morpheus.wsgi import application

__all__ = ["application"]

# The checker sets these for the servers that it starts; they are no settings.
_environment: Mapping[str, str] = os.environ
SABOTAGE = _environment.get("CONSISTENCY_SABOTAGE")
DELAY_S = float(_environment.get("CONSISTENCY_DELAY_S") or 0)
CRASHES = float(_environment.get("CONSISTENCY_CRASHES") or 0)

_invalidate, _store = CacheStore.invalidate, BatchRead._store
_threads = ThreadPoolExecutor(max_workers=8)


def _delay() -> None:
    if random.random() < 1 / 3:  # noqa: S311
        time.sleep(random.uniform(0, DELAY_S))  # noqa: S311


def _set_no_write_intents(self: CacheStore, tags: Sequence[str], token: str) -> None:
    """Let readers use the cache between a commit and its invalidation."""


def _invalidate_slowly(self: CacheStore, tags: Sequence[str], token: str | None = None) -> None:
    if token is not None:  # After a commit, not from the outbox.
        _delay()
        if random.random() < CRASHES:  # noqa: S311
            os.kill(os.getpid(), signal.SIGKILL)
    _invalidate(self, tags, token)


def _invalidate_later(self: CacheStore, tags: Sequence[str], token: str | None = None) -> None:
    """Send the response first, and invalidate in another thread."""
    _threads.submit(_invalidate_slowly, self, tags, token)


def _store_late(
    self: BatchRead, payloads: Mapping[Any, bytes], versions: Mapping[Any, dict[str, str]]
) -> None:
    """Store loaded values under the versions that the tags have after the load."""
    _delay()
    tags = list(dict.fromkeys([*(tag for each in versions.values() for tag in each), ALL]))
    now = cache_store().read_versions(tags)
    if not any(has_write_intent(version) for version in now.values()):
        late = {key: {tag: now[tag] for tag in versions[key]} for key in versions}
        _store(self, payloads, late)


CacheStore.invalidate = _invalidate_slowly  # type: ignore[method-assign]
if SABOTAGE == "late-invalidation":
    CacheStore.invalidate = _invalidate_later  # type: ignore[method-assign]
if SABOTAGE in ("no-write-intents", "late-invalidation"):
    # Write intents alone would make all readers bypass the cache until a late invalidation.
    CacheStore.set_write_intents = _set_no_write_intents  # type: ignore[method-assign]
if SABOTAGE == "unchecked-logins":
    # Of a credential and a response, only the response is checked.
    response_cache.are_current = (  # type: ignore[attr-defined] # not exported
        lambda copies, replies_with: are_current(copies[-1:], replies_with)
    )
if SABOTAGE == "late-versions":
    BatchRead._store = _store_late  # type: ignore[method-assign]
