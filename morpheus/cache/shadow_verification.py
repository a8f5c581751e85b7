"""Sampled shadow verification: a background thread computes cache hits again and compares them."""

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
from morpheus.cache.policies import CachePolicy
from morpheus.cache.redis_client import RedisUnavailable
from morpheus.cache.store import cache_store, decompress
from morpheus.tracing.events import publish_statements
from morpheus.tracing.request_trace import trace_request

logger = logging.getLogger(__name__)

# Samples beyond this are dropped, because the server is busy.
_QUEUE_SIZE = 32
# A change by psql is invalidated within a second. Only a value that stays longer is stale.
_GRACE_S = 1.5

# Whether reads bypass the cache now.
bypasses_cache: ContextVar[bool] = ContextVar("bypasses_cache", default=False)


@dataclass(frozen=True)
class Hits:
    """Values of a policy that one read got from the cache.

    Attributes:
        payloads: By key.
        compute: Returns the payloads that the database gives now, all at once.
    """

    policy: CachePolicy
    payloads: Mapping[str, bytes]
    compute: Callable[[], Mapping[str, bytes]]


def sample(build: Callable[[], Hits]) -> None:
    """Queue the hits of one read for verification, for the configured percentage of reads.

    The hits of a read are computed together: twenty cards one by one cost the database twenty times
    what the hits saved.
    """
    if random.random() * 100 < settings.MORPHEUS_CACHE_SHADOW_PERCENT:  # noqa: S311 - no secret
        try:
            _queue().put_nowait(build())
        except queue.Full:
            pass


def verify(hits: Hits) -> Counter[str]:
    """Compute hits again and compare them byte by byte.

    Returns:
        The number of hits that are `same`, `changed` (the cache serves another value by now) or
        `stale` (the cache still serves the old value).
    """
    start = time.perf_counter()
    token = bypasses_cache.set(True)
    try:
        with trace_request() as trace:
            computed = hits.compute()
    finally:
        bypasses_cache.reset(token)
        connections.close_all()
        publish_statements(trace)
    name = hits.policy.name
    metrics.verification_seconds.labels(name).inc(time.perf_counter() - start)
    metrics.verification_database_seconds.labels(name).inc(trace.seconds)
    different = {
        key: payload
        for key, payload in hits.payloads.items()
        if _served_part(hits.policy, computed[key]) != _served_part(hits.policy, payload)
    }
    if stale := _still_served(different):
        time.sleep(_GRACE_S)
        stale = _still_served(stale)
    for _ in stale:
        # Without the key: a response's key contains the query string.
        logger.error("The cache serves a stale %s.", name)
    counts = {
        "same": len(hits.payloads) - len(different),
        "changed": len(different) - len(stale),
        "stale": len(stale),
    }
    return +Counter(counts)


def _served_part(policy: CachePolicy, payload: bytes) -> bytes:
    """Return the bytes that readers depend on."""
    if not policy.refreshes_incrementally:
        return payload
    served, _ = orjson.loads(decompress(payload))
    return orjson.dumps(served)


def _still_served(payloads: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the payloads that a reader would get from the cache now."""
    if not payloads:
        return {}
    try:
        values = cache_store().fetch([*payloads])
    except RedisUnavailable:
        return {}
    return {
        key: payload
        for (key, payload), value in zip(payloads.items(), values, strict=True)
        if value is not None and value[1] == payload
    }


@cache
def _queue() -> queue.Queue[Hits]:
    samples: queue.Queue[Hits] = queue.Queue(_QUEUE_SIZE)
    threading.Thread(target=_work, args=[samples], name="cache-shadow", daemon=True).start()
    return samples


def _work(samples: queue.Queue[Hits]) -> None:
    while True:
        hits = samples.get()
        try:
            outcomes = verify(hits)
        except Exception:
            logger.exception("Hits of %s could not be verified.", hits.policy.name)
            outcomes = Counter(failed=len(hits.payloads))
        for outcome, count in outcomes.items():
            metrics.verified.labels(hits.policy.name, outcome).inc(count)
