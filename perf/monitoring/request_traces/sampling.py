"""Selects the requests to trace, and stores their traces in a thread after the response."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Sequence
from functools import cache

from django.conf import settings
from prometheus_client import Counter

from morpheus.cache.redis_client import RedisUnavailable
from morpheus.tracing.background import BackgroundQueue
from morpheus.tracing.events import flush
from morpheus.tracing.request_trace import FinishedRequest
from perf.monitoring.request_traces.document import build_trace, serialize_trace, summarize_trace
from perf.monitoring.request_traces.storage import trace_store

logger = logging.getLogger(__name__)

# Minimum time between two sampled requests of a process, so that they cannot push requested ones
# out of the store.
SAMPLE_INTERVAL_S = 1.0
# A busy server drops further requests.
MAX_WAITING = 32

_explained = Counter(
    "morpheus_explained_requests_total",
    "Requests selected for a trace, by outcome: kept, dropped (too many waited), failed.",
    ["outcome"],
)

_sampled_at = float("-inf")


def sample_requests(requests: Sequence[FinishedRequest]) -> None:
    """Enqueue the requests that staff asked to trace, or that are sampled."""
    share = settings.MORPHEUS_EXPLAIN_PERCENT / 100
    for request in requests:
        if request.is_explained:
            enqueue(request, is_requested=True)
        elif random.random() < share and _is_due():  # noqa: S311
            enqueue(request, is_requested=False)


def enqueue(request: FinishedRequest, *, is_requested: bool) -> None:
    """Have the request traced soon, unless the queue is full."""
    _queue().add((request, is_requested))
    _queue().wake()


def wait_for_queue(*, timeout_s: float) -> None:
    """Wait until this process has stored the traces of requests so far, or until the timeout."""
    flush()
    _queue().flush(timeout_s)


def _is_due() -> bool:
    global _sampled_at
    now = time.monotonic()
    if now - _sampled_at < SAMPLE_INTERVAL_S:
        return False
    _sampled_at = now
    return True


@cache
def _queue() -> BackgroundQueue[tuple[FinishedRequest, bool]]:
    queue = BackgroundQueue(
        "explain",
        _store,
        _explained.labels("dropped").inc,
        max_waiting=MAX_WAITING,
        interval_s=None,
    )
    queue.start()
    return queue


def _store(jobs: list[tuple[FinishedRequest, bool]]) -> None:
    """Build and store a trace of each request; count its outcome."""
    for request, is_requested in jobs:
        outcome = "failed"
        try:
            trace = build_trace(request, is_requested=is_requested)
            trace_store().add(summarize_trace(trace), serialize_trace(trace))
            outcome = "kept"
        except RedisUnavailable:
            pass  # The cache's own metrics and alerts report this.
        except Exception:
            logger.exception("A request could not be traced.")
        _explained.labels(outcome).inc()
