"""Hits that are computed again in the background: how often are they stale, what did they save?"""

from __future__ import annotations

import logging
import queue
import random
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache

import orjson
from django.conf import settings
from django.db import connections

from morpheus.cache import metrics
from morpheus.cache.engine import engine
from morpheus.cache.packing import unpacked
from morpheus.cache.policies import Policy
from morpheus.cache.server import Unreachable
from morpheus.observing.events import work_ended
from morpheus.observing.ledger import keeping

logger = logging.getLogger(__name__)

# More wait for nobody: a server that is busy has better things to do.
_WAITING = 32
# A write by psql is told within a second; only what is served longer than that is stale.
_PATIENCE_S = 1.5

# Whether what is read now must come from the database.
past_the_cache: ContextVar[bool] = ContextVar("past_the_cache", default=False)


@dataclass(frozen=True)
class Hit:
    """A value that was served from the cache.

    Attributes:
        again: Computes what should have been served.
    """

    policy: Policy
    key: str
    payload: bytes
    again: Callable[[], bytes]


def sample(hit: Callable[[], Hit]) -> None:
    """Check one in a hundred hits, or as many as the settings say, in a thread of this process."""
    if random.random() * 100 < settings.MORPHEUS_CACHE_SHADOW_PERCENT:  # noqa: S311 - no secret
        try:
            _queue().put_nowait(hit())
        except queue.Full:
            pass


def check(hit: Hit) -> str:
    """Compute a hit again and compare byte by byte.

    Returns:
        `same`; `changed`, if something else is served by now; or `stale`, if the old value is.
    """
    start = time.perf_counter()
    token = past_the_cache.set(True)
    try:
        with keeping() as ledger:
            fresh = hit.again()
    finally:
        past_the_cache.reset(token)
        connections.close_all()
        work_ended(ledger)
    metrics.shadowed_seconds(hit.policy, time.perf_counter() - start, ledger.seconds)
    if _served(hit.policy, fresh) == _served(hit.policy, hit.payload):
        return "same"
    if not _is_served(hit):
        return "changed"
    time.sleep(_PATIENCE_S)
    if not _is_served(hit):
        return "changed"
    # Not by its key: a kept answer's has the query string in it.
    logger.error("The cache serves a stale %s.", hit.policy.name)
    return "stale"


def _served(policy: Policy, payload: bytes) -> bytes:
    """Return the bytes that readers depend on."""
    if not policy.is_revised:
        return payload
    served, _ = orjson.loads(unpacked(payload))
    return orjson.dumps(served)


def _is_served(hit: Hit) -> bool:
    try:
        [found] = engine().fetch([hit.key])
    except Unreachable:
        return False
    return found is not None and found[1] == hit.payload


@cache
def _queue() -> queue.Queue[Hit]:
    waiting: queue.Queue[Hit] = queue.Queue(_WAITING)
    threading.Thread(target=_work, args=[waiting], name="cache-shadow", daemon=True).start()
    return waiting


def _work(waiting: queue.Queue[Hit]) -> None:
    while True:
        hit = waiting.get()
        try:
            metrics.shadowed(hit.policy, check(hit))
        except Exception:
            logger.exception("A hit of %s could not be computed again.", hit.policy.name)
            metrics.shadowed(hit.policy, "failed")
