"""The thread that makes records of requests after their answers, and keeps them."""

from __future__ import annotations

import logging
import os
import queue
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from prometheus_client import Counter

from morpheus.cache.redis_client import RedisUnavailable
from morpheus.tracing import FinishedRequest
from perf.monitoring.request_traces.record import fitted, head_of, record_of
from perf.monitoring.request_traces.ring import ring

logger = logging.getLogger(__name__)

# More wait for nobody: a server that is busy has better things to do.
_WAITING = 32

_explained = Counter(
    "morpheus_explained_requests_total",
    "Requests that were to be explained, by what became of it: kept, dropped (too many waited), "
    "failed.",
    ["outcome"],
)


@dataclass(frozen=True, slots=True)
class _Offer:
    answer: FinishedRequest
    at: datetime
    is_asked: bool


def offer(answer: FinishedRequest, *, is_asked: bool) -> None:
    """Have the request explained soon, unless too many wait; nothing of it happens here."""
    try:
        _queue().put_nowait(_Offer(answer, datetime.now(UTC), is_asked))
    except queue.Full:
        _explained.labels("dropped").inc()


def drain(*, timeout_s: float) -> None:
    """Wait until what this process was offered before is kept, or the time is over."""
    done = threading.Event()
    try:
        _queue().put(done, timeout=timeout_s)
    except queue.Full:
        return
    done.wait(timeout_s)


def explain(offered: _Offer) -> None:
    """Make the record of a request, with plans, and keep it."""
    try:
        record = record_of(offered.answer, at=offered.at, is_asked=offered.is_asked)
        ring().keep(head_of(record), fitted(record))
    except RedisUnavailable:
        outcome = "failed"  # Who watches the cache server knows.
    except Exception:
        logger.exception("A request could not be explained.")
        outcome = "failed"
    else:
        outcome = "kept"
    _explained.labels(outcome).inc()


@cache
def _queue() -> queue.Queue[_Offer | threading.Event]:
    waiting: queue.Queue[_Offer | threading.Event] = queue.Queue(_WAITING)
    threading.Thread(target=_work, args=[waiting], name="explain", daemon=True).start()
    return waiting


def _work(waiting: queue.Queue[_Offer | threading.Event]) -> None:
    while True:
        offered = waiting.get()
        if isinstance(offered, threading.Event):
            offered.set()
        else:
            explain(offered)


# A fork has no threads.
os.register_at_fork(after_in_child=_queue.cache_clear)
