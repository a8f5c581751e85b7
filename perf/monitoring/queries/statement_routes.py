"""Which routes run which statements, for all server processes together, in the cache server.

PostgreSQL knows the cost of a statement but not its route; the fingerprint joins the two.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict

from morpheus.cache.redis_client import RedisUnavailable
from morpheus.cache.store import cache_store
from morpheus.tracing.request_trace import FinishedRequest
from perf.monitoring.queries.monitor import normalize

logger = logging.getLogger(__name__)

# A client cannot create new pairs: there are some hundred routes and statements.
MAX_PAIRS = 4096
_KEY = "origins"
_TTL_S = 7 * 24 * 3600
# The cache server may lose the set by a restart or an eviction, so all pairs are sent again.
_RESEND_S = 60.0

_pairs: set[str] = set()
_sent: set[str] = set()
_sent_at = float("-inf")


def note_statement_routes(request: FinishedRequest) -> None:
    """Remember the route of each statement of a request."""
    if request.trace is None or len(_pairs) >= MAX_PAIRS:
        return
    for statement in request.trace.statements:
        _pairs.add(f"{normalize(statement).fingerprint} {request.route}")


def send_statement_routes() -> None:
    """Send new pairs to the cache server; after a failure, the next call tries again."""
    global _sent_at
    is_due = time.monotonic() >= _sent_at + _RESEND_S
    pairs = _pairs.copy()
    new = pairs if is_due else pairs - _sent
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
        logger.debug("The routes of statements were not stored: %s", error)
    else:
        _sent.update(new)
        if is_due:
            _sent_at = time.monotonic()


def load_statement_routes() -> dict[str, list[str]]:
    """Return the sorted routes by fingerprint; pairs of the last ten seconds may be missing.

    Raises:
        RedisUnavailable: The cache server does not respond.
    """
    [members] = cache_store().client.run(lambda prefix: [("SMEMBERS", prefix + _KEY)])
    routes: dict[str, list[str]] = defaultdict(list)
    for pair in sorted(members):
        fingerprint, _, route = pair.decode().partition(" ")
        routes[fingerprint].append(route)
    return dict(routes)
