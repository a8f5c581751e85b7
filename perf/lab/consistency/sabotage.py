"""What is done to the cache engine of a server, so that the checker has something to find.

Read from the environment by `sabotaged_wsgi`, before the first request:

- `CONSISTENCY_SABOTAGE`: one of `SABOTAGES`, or empty;
- `CONSISTENCY_DELAY_S`: the longest random delay at the places where races are decided, every third
  time;
- `CONSISTENCY_DEATHS`: the share of writes at which the process ends itself with SIGKILL between
  the commit and the invalidation.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from morpheus.cache import cached_reads
from morpheus.cache.store import ALL, CacheStore, cache_store, has_write_intent

# What each takes away; docs/caching.md says why it is needed.
SABOTAGES = ("no-marks", "late-versions", "late-invalidation")


def apply(environment: Mapping[str, str]) -> None:
    """Change the engine of this process as the environment says."""
    delay_s = float(environment.get("CONSISTENCY_DELAY_S") or 0)
    deaths = float(environment.get("CONSISTENCY_DEATHS") or 0)
    _hesitate_before_renewal(delay_s, deaths)
    sabotage = environment.get("CONSISTENCY_SABOTAGE")
    if sabotage in ("no-marks", "late-invalidation"):
        CacheStore.set_write_intents = _no_mark  # type: ignore[method-assign]
    if sabotage == "late-invalidation":
        _renew_later()
    if sabotage == "late-versions":
        _read_versions_late(delay_s)


def _hesitate(delay_s: float) -> None:
    if random.random() < 1 / 3:  # noqa: S311
        time.sleep(random.uniform(0, delay_s))  # noqa: S311


def _no_mark(self: CacheStore, tags: Sequence[str], token: str) -> None:
    """Say that the tags are marked, and do not mark them."""


def _hesitate_before_renewal(delay_s: float, deaths: float) -> None:
    renew = CacheStore.invalidate

    def hesitating(self: CacheStore, tags: Sequence[str], token: str | None = None) -> None:
        if token is not None:  # After a commit, not from the outbox.
            _hesitate(delay_s)
            if random.random() < deaths:  # noqa: S311
                os.kill(os.getpid(), signal.SIGKILL)
        renew(self, tags, token)

    CacheStore.invalidate = hesitating  # type: ignore[method-assign]


def _renew_later() -> None:
    """Answer first, and invalidate in another thread.

    The marks go, too: they alone would keep all readers off, as they are meant to.
    """
    renew = CacheStore.invalidate
    later = ThreadPoolExecutor(max_workers=8)

    def postponed(self: CacheStore, tags: Sequence[str], token: str | None = None) -> None:
        later.submit(renew, self, tags, token)

    CacheStore.invalidate = postponed  # type: ignore[method-assign]


def _read_versions_late(delay_s: float) -> None:
    """Keep what was loaded under the versions that the tags have afterwards."""
    keep = cached_reads._Reading._keep

    def late(
        self: Any, loaded: Mapping[Any, bytes], versions: Mapping[Any, dict[str, str]]
    ) -> None:
        _hesitate(delay_s)
        tags = list(dict.fromkeys([*(tag for each in versions.values() for tag in each), ALL]))
        now = cache_store().read_versions(tags)
        if not any(has_write_intent(version) for version in now.values()):
            keep(self, loaded, {key: {tag: now[tag] for tag in versions[key]} for key in versions})

    cached_reads._Reading._keep = late  # type: ignore[method-assign]
