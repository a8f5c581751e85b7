"""Which routes run which statements, for all server processes together, in the cache server.

PostgreSQL knows the cost of a statement but not its route; the fingerprint joins the two.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence

from morpheus.cache.redis_client import RedisUnavailable
from morpheus.cache.store import cache_store
from morpheus.tracing.request_trace import FinishedRequest
from perf.monitoring.sql_text import normalize

logger = logging.getLogger(__name__)

# A client cannot create new pairs: there are some hundred routes and statements.
MAX_PAIRS = 4096
_KEY = "origins"
_TTL_S = 7 * 24 * 3600

_pairs: set[str] = set()


def note_statement_routes(requests: Sequence[FinishedRequest]) -> None:
    """Remember the routes of the statements of requests."""
    for request in requests:
        if request.trace is not None and len(_pairs) < MAX_PAIRS:
            for statement in request.trace.statements:
                _pairs.add(f"{normalize(statement).fingerprint} {request.route}")


def send_statement_routes() -> None:
    """Send all pairs: the cache server may have lost some by a restart or an eviction."""
    pairs = _pairs.copy()
    if not pairs:
        return
    try:
        cache_store().client.run(
            lambda prefix: [
                ("SADD", prefix + _KEY, *pairs),
                ("EXPIRE", prefix + _KEY, _TTL_S),
            ]
        )
    except RedisUnavailable as error:
        logger.debug("The routes of statements were not stored: %s", error)


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
