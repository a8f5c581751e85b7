"""Which routes ask which statements, of all processes of the server: kept in the cache server.

PostgreSQL knows what its statements cost and not who asks them; the fingerprint joins the two.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict

from morpheus.cache.redis_client import RedisUnavailable
from morpheus.cache.store import cache_store
from morpheus.tracing import FinishedRequest
from perf.monitoring.queries.watching import shape

logger = logging.getLogger(__name__)

# Routes times their statements are some hundreds; a client cannot make new ones.
_PAIRS_MAX = 4096
_KEY = "origins"
# What was asked by nobody for so long is forgotten.
_TTL_S = 7 * 24 * 3600
# The server may have lost them (a restart, an eviction): all are told again.
_AGAIN_S = 60.0

_pairs: set[str] = set()
_told: set[str] = set()
_told_at = float("-inf")


def note_origins(answer: FinishedRequest) -> None:
    """Remember which route the statements of a request belong to."""
    if answer.trace is None or len(_pairs) >= _PAIRS_MAX:
        return
    for statement in answer.trace.statements:
        _pairs.add(f"{shape(statement).fingerprint} {answer.route}")


def tell_origins() -> None:
    """Tell the cache server what is new; without it, try again next time."""
    global _told_at
    is_due = time.monotonic() >= _told_at + _AGAIN_S
    pairs = _pairs.copy()
    new = pairs if is_due else pairs - _told
    if not new:
        return
    try:
        cache_store().client.run(
            lambda prefix: [
                ("SADD", prefix + _KEY, *new),
                ("EXPIRE", prefix + _KEY, _TTL_S),
            ]
        )
    except RedisUnavailable as error:
        logger.debug("Routes of statements could not be kept: %s", error)
    else:
        _told.update(new)
        if is_due:
            _told_at = time.monotonic()


def origins() -> dict[str, list[str]]:
    """Return the routes by fingerprint, sorted; those of the last seconds may be missing.

    Raises:
        RedisUnavailable: The cache server does not answer.
    """
    [members] = cache_store().client.run(lambda prefix: [("SMEMBERS", prefix + _KEY)])
    found: dict[str, list[str]] = defaultdict(list)
    for pair in sorted(members):
        fingerprint, _, route = pair.decode().partition(" ")
        found[fingerprint].append(route)
    return dict(found)
