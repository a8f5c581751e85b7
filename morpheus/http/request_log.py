"""One line in the log for each request: who asked which route, and what it took."""

from __future__ import annotations

import logging

from morpheus.http.log_format import log_event
from morpheus.tracing.request_trace import FinishedRequest, RequestTrace

logger = logging.getLogger("morpheus.requests")

# The guard asks it every two seconds (morpheus.embedded.guard); only a failure is news.
_PROBE = "HEAD /healthz"

_HITS = frozenset({"hit", "joined"})


def log_request(answer: FinishedRequest) -> None:
    """Log a request; the route stands for the path, and the id for the user."""
    if not logger.isEnabledFor(logging.INFO) or (answer.route == _PROBE and answer.status == 200):
        return
    hits, misses = _looked_up(answer.trace)
    log_event(
        logger,
        logging.INFO,
        "request",
        answer.request_id,
        route=answer.route,
        status=answer.status,
        ms=round(answer.seconds * 1000, 2),
        user_id=answer.user_id,
        queries=answer.trace.queries if answer.trace else 0,
        db_ms=round(answer.trace.seconds * 1000, 2) if answer.trace else 0.0,
        cache_hits=hits,
        cache_misses=misses,
    )


def _looked_up(trace: RequestTrace | None) -> tuple[int, int]:
    if trace is None:  # The whole answer was kept.
        return 1, 0
    hits = misses = 0
    for lookup in trace.lookups:
        if lookup.outcome in _HITS:
            hits += len(lookup.identities)
        else:
            misses += len(lookup.identities)
    return hits, misses
