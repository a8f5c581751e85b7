"""E-mails and a webhook for installations without Prometheus; off unless the settings say whom."""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
import urllib.request
from functools import cache
from typing import Any

import orjson
from django.conf import settings
from django.core.mail import mail_admins

from perf.monitoring.slow_queries import metrics
from perf.monitoring.slow_queries.sightings import Sighting

logger = logging.getLogger(__name__)

# More wait for nobody; they are counted.
MAX_WAITING = 32
TIMEOUT_S = 3.0


def are_wanted() -> bool:
    """Tell whether anybody is to be told."""
    return bool(settings.ADMINS or settings.SLOW_QUERY_WEBHOOK_URL)


def send(seen: Sighting) -> None:
    """Tell of a slow statement, from a thread of its own."""
    try:
        _queue().put_nowait(told(seen))
    except queue.Full:
        metrics.alerts.labels("all", "dropped").inc()


def start() -> None:
    """Start that thread: a process that is ending cannot start one any more."""
    _queue()


def finish(timeout_s: float = TIMEOUT_S) -> None:
    """Wait until whoever was to be told has been, or the time is over."""
    if not _queue.cache_info().currsize:
        return
    deadline = time.monotonic() + timeout_s
    while _queue().unfinished_tasks and time.monotonic() < deadline:
        time.sleep(0.02)


def told(seen: Sighting) -> dict[str, Any]:
    """Return what is told, as the webhook gets it; `text` is a sentence for people."""
    ms = round(seen.worst_ms, 1)
    return {
        "event": "slow_query",
        "text": f"A statement of {seen.route} took {ms:,.0f} ms.",
        "route": seen.route,
        "kind": seen.shape.kind,
        "fingerprint": seen.shape.fingerprint,
        "statement": seen.shape.text,
        "ms": ms,
        "count": seen.count,
        "request_id": seen.request_id,
    }


def _by_email(what: dict[str, Any]) -> None:
    lines = [f"{name}: {what[name]}" for name in what if name not in ("event", "text")]
    mail_admins(what["text"], "\n".join([what["text"], "", *lines]))


def _by_webhook(what: dict[str, Any]) -> None:
    request = urllib.request.Request(  # noqa: S310 - the settings allow http and https alone
        settings.SLOW_QUERY_WEBHOOK_URL,
        orjson.dumps(what),
        {"Content-Type": "application/json", "User-Agent": "Morpheus"},
    )
    urllib.request.urlopen(request, timeout=TIMEOUT_S).close()  # noqa: S310


@cache
def _queue() -> queue.Queue[dict[str, Any]]:
    waiting: queue.Queue[dict[str, Any]] = queue.Queue(MAX_WAITING)
    threading.Thread(target=_work, args=[waiting], name="slow-alerts", daemon=True).start()
    return waiting


os.register_at_fork(after_in_child=_queue.cache_clear)


def _work(waiting: queue.Queue[dict[str, Any]]) -> None:
    while True:
        what = waiting.get()
        if settings.ADMINS:
            _try("email", _by_email, what)
        if settings.SLOW_QUERY_WEBHOOK_URL:
            _try("webhook", _by_webhook, what)
        waiting.task_done()


def _try(channel: str, tell: Any, what: dict[str, Any]) -> None:
    try:
        tell(what)
        metrics.alerts.labels(channel, "sent").inc()
    except Exception as error:
        metrics.alerts.labels(channel, "failed").inc()
        # The address may hold a secret; the error may quote it.
        logger.warning("An alert by %s failed: %s", channel, type(error).__name__)
