"""One log line for each request: its route, its user and its cost."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, cast

from morpheus.http.log_format import EventFormatter
from morpheus.http.log_stream import find_handlers
from morpheus.tracing.request_trace import FinishedRequest, RequestTrace

logger = logging.getLogger("morpheus.requests")

# The supervisor's probe every two seconds (`morpheus.embedded`); only a failure is logged.
_PROBE = "HEAD /healthz"

_HITS = frozenset({"hit", "joined"})


def log_requests(requests: Sequence[FinishedRequest]) -> None:
    """Log requests; by their routes and not their paths, and by the users' ids."""
    if not logger.isEnabledFor(logging.INFO):
        return
    logged = [request for request in requests if request.route != _PROBE or request.status != 200]
    for handler in find_handlers():
        formatter = cast(EventFormatter, handler.formatter)
        handler.write_lines(
            formatter.format_event(
                logger.name, "request", request.at, request.request_id, _describe(request)
            )
            for request in logged
        )


def _describe(request: FinishedRequest) -> dict[str, Any]:
    trace = request.trace
    hits, misses = _count_lookups(trace)
    return {
        "route": request.route,
        "status": request.status,
        "ms": round(request.seconds * 1000, 2),
        "user_id": request.user_id,
        "queries": trace.queries if trace else 0,
        "db_ms": round(trace.seconds * 1000, 2) if trace else 0.0,
        "cache_hits": hits,
        "cache_misses": misses,
    }


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
