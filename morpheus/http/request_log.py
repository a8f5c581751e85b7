"""One log line for each request: its route, its user and its cost."""

from __future__ import annotations

import logging

from morpheus.http.log_format import log_event
from morpheus.tracing.request_trace import FinishedRequest, RequestTrace

logger = logging.getLogger("morpheus.requests")

# The supervisor's probe every two seconds (`morpheus.embedded`); only a failure is logged.
_PROBE = "HEAD /healthz"

_HITS = frozenset({"hit", "joined"})


def log_request(request: FinishedRequest) -> None:
    """Log a request; by its route and not its path, and by the user's id."""
    if not logger.isEnabledFor(logging.INFO) or (request.route == _PROBE and request.status == 200):
        return
    hits, misses = _count_lookups(request.trace)
    log_event(
        logger,
        logging.INFO,
        "request",
        request.request_id,
        route=request.route,
        status=request.status,
        ms=round(request.seconds * 1000, 2),
        user_id=request.user_id,
        queries=request.trace.queries if request.trace else 0,
        db_ms=round(request.trace.seconds * 1000, 2) if request.trace else 0.0,
        cache_hits=hits,
        cache_misses=misses,
    )


def _count_lookups(trace: RequestTrace | None) -> tuple[int, int]:
    if trace is None:  # The response cache had the whole response.
        return 1, 0
    hits = misses = 0
    for lookup in trace.lookups:
        if lookup.outcome in _HITS:
            hits += len(lookup.identities)
        else:
            misses += len(lookup.identities)
    return hits, misses
