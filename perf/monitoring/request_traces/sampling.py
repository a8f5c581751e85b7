"""Selects the requests to trace, and stores their traces in a thread after the response."""

from __future__ import annotations

import logging
import os
import queue
import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache, partial

from django.conf import settings
from prometheus_client import Counter

from morpheus.cache.redis_client import RedisUnavailable
from morpheus.tracing.request_trace import FinishedRequest
from perf.monitoring.request_traces.document import build_trace, serialize_trace, summarize_trace
from perf.monitoring.request_traces.storage import trace_store

logger = logging.getLogger(__name__)

# Staff send `X-Explain: 1`; the header has no effect for other callers.
HEADER = "HTTP_X_EXPLAIN"
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


def sample_request(request: FinishedRequest) -> None:
    """Enqueue a request that staff asked to trace, or that is sampled; takes a few µs."""
    if _is_requested(request):
        enqueue(request, is_requested=True)
    elif random.random() * 100 < settings.MORPHEUS_EXPLAIN_PERCENT and _is_due():  # noqa: S311
        enqueue(request, is_requested=False)


def enqueue(request: FinishedRequest, *, is_requested: bool) -> None:
    """Have the request traced soon, unless the queue is full."""
    try:
        _queue().put_nowait(partial(_store, request, datetime.now(UTC), is_requested))
    except queue.Full:
        _explained.labels("dropped").inc()


def wait_for_queue(*, timeout_s: float) -> None:
    """Wait until this process has stored the traces enqueued so far, or until the timeout."""
    done = threading.Event()
    try:
        _queue().put(done.set, timeout=timeout_s)
    except queue.Full:
        return
    done.wait(timeout_s)


def _is_requested(request: FinishedRequest) -> bool:
    if request.request is None or request.request.META.get(HEADER) != "1":
        return False
    return bool(getattr(request.user, "is_staff", False))


def _is_due() -> bool:
    global _sampled_at
    now = time.monotonic()
    if now - _sampled_at < SAMPLE_INTERVAL_S:
        return False
    _sampled_at = now
    return True


@cache
def _queue() -> queue.Queue[Callable[[], None]]:
    jobs: queue.Queue[Callable[[], None]] = queue.Queue(MAX_WAITING)
    threading.Thread(target=_work, args=[jobs], name="explain", daemon=True).start()
    return jobs


# Threads do not survive a fork.
os.register_at_fork(after_in_child=_queue.cache_clear)


def _work(jobs: queue.Queue[Callable[[], None]]) -> None:
    while True:
        jobs.get()()


def _store(request: FinishedRequest, at: datetime, is_requested: bool) -> None:
    """Build and store a trace; count its outcome."""
    outcome = "failed"
    try:
        trace = build_trace(request, at=at, is_requested=is_requested)
        trace_store().add(summarize_trace(trace), serialize_trace(trace))
        outcome = "kept"
    except RedisUnavailable:
        pass  # The cache's own metrics and alerts report this.
    except Exception:
        logger.exception("A request could not be traced.")
    _explained.labels(outcome).inc()
