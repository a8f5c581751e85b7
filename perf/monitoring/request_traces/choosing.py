"""Which requests are explained: those of staff who ask, and a few of all others."""

from __future__ import annotations

import random
import time

from django.conf import settings

from morpheus.tracing import FinishedRequest
from perf.monitoring.request_traces.writing import offer

# What staff send, as `X-Explain: 1`; from anybody else it has no effect at all.
HEADER = "HTTP_X_EXPLAIN"

# Between two of a process that nobody asked for, so that they do not push out those that were.
PAUSE_S = 1.0

_last_at = float("-inf")


def answered(answer: FinishedRequest) -> None:
    """Offer the request for explaining if it is one of those; costs a few µs in its thread."""
    if _is_asked_for(answer):
        offer(answer, is_asked=True)
    elif random.random() * 100 < settings.MORPHEUS_EXPLAIN_PERCENT and _is_turn():  # noqa: S311
        offer(answer, is_asked=False)


def _is_asked_for(answer: FinishedRequest) -> bool:
    if answer.request is None or answer.request.META.get(HEADER) != "1":
        return False
    return bool(getattr(answer.user, "is_staff", False))


def _is_turn() -> bool:
    global _last_at
    now = time.monotonic()
    if now - _last_at < PAUSE_S:
        return False
    _last_at = now
    return True
