"""Hits that are computed again in the background: how often are they stale, what did they save?"""

from __future__ import annotations

import logging
import queue
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache

import orjson
from django.conf import settings
from django.db import connections

from morpheus.cache import metrics
from morpheus.cache.compression import decompress
from morpheus.cache.policies import CachePolicy
from morpheus.cache.redis_client import RedisUnavailable
from morpheus.cache.store import cache_store
from morpheus.tracing.events import publish_statements
from morpheus.tracing.request_trace import trace_request

logger = logging.getLogger(__name__)

# More wait for nobody: a server that is busy has better things to do.
_WAITING = 32
# A write by psql is told within a second; only what is served longer than that is stale.
_PATIENCE_S = 1.5

# Whether what is read now must come from the database.
past_the_cache: ContextVar[bool] = ContextVar("past_the_cache", default=False)


@dataclass(frozen=True)
class Hits:
    """Values of a policy that one read was served from the cache.

    Attributes:
        payloads: By key.
        again: Computes what should have been served, as it was read: all at once.
    """

    policy: CachePolicy
    payloads: Mapping[str, bytes]
    again: Callable[[], Mapping[str, bytes]]


def sample(hits: Callable[[], Hits]) -> None:
    """Check the hits of one read in a hundred, or of as many as the settings say.

    In a thread of this process, and together: twenty cards one by one cost the database twenty
    times what it was spared.
    """
    if random.random() * 100 < settings.MORPHEUS_CACHE_SHADOW_PERCENT:  # noqa: S311 - no secret
        try:
            _queue().put_nowait(hits())
        except queue.Full:
            pass


def check(hits: Hits) -> Counter[str]:
    """Compute hits again and compare byte by byte.

    Returns:
        How many are `same`; `changed`, if something else is served by now; or `stale`, if the old
        value is.
    """
    start = time.perf_counter()
    token = past_the_cache.set(True)
    try:
        with trace_request() as trace:
            fresh = hits.again()
    finally:
        past_the_cache.reset(token)
        connections.close_all()
        publish_statements(trace)
    metrics.shadowed_seconds(hits.policy, time.perf_counter() - start, trace.seconds)
    others = {
        key: payload
        for key, payload in hits.payloads.items()
        if _served(hits.policy, fresh[key]) != _served(hits.policy, payload)
    }
    if stale := _still_served(others):
        time.sleep(_PATIENCE_S)
        stale = _still_served(stale)
    for _ in stale:
        # Not by its key: a kept answer's has the query string in it.
        logger.error("The cache serves a stale %s.", hits.policy.name)
    counts = {
        "same": len(hits.payloads) - len(others),
        "changed": len(others) - len(stale),
        "stale": len(stale),
    }
    return +Counter(counts)


def _served(policy: CachePolicy, payload: bytes) -> bytes:
    """Return the bytes that readers depend on."""
    if not policy.refreshes_incrementally:
        return payload
    served, _ = orjson.loads(decompress(payload))
    return orjson.dumps(served)


def _still_served(payloads: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return those of the payloads, by key, that a reader would be served now."""
    if not payloads:
        return {}
    try:
        found = cache_store().fetch([*payloads])
    except RedisUnavailable:
        return {}
    return {
        key: payload
        for (key, payload), kept in zip(payloads.items(), found, strict=True)
        if kept is not None and kept[1] == payload
    }


@cache
def _queue() -> queue.Queue[Hits]:
    waiting: queue.Queue[Hits] = queue.Queue(_WAITING)
    threading.Thread(target=_work, args=[waiting], name="cache-shadow", daemon=True).start()
    return waiting


def _work(waiting: queue.Queue[Hits]) -> None:
    while True:
        hits = waiting.get()
        try:
            outcomes = check(hits)
        except Exception:
            logger.exception("Hits of %s could not be computed again.", hits.policy.name)
            outcomes = Counter(failed=len(hits.payloads))
        for outcome, count in outcomes.items():
            metrics.shadowed(hits.policy, outcome, count)
