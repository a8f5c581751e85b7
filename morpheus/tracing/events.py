"""Events: lists of functions that are called with finished requests and with statements.

In a server process, a thread calls the subscribers with a batch of requests. Elsewhere they are
called at once, with each request. Their errors are logged and go no further.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from time import perf_counter
from typing import Any, TypeVar

from prometheus_client import Counter

from morpheus.tracing.background import BackgroundQueue
from morpheus.tracing.request_trace import FinishedRequest, RequestTrace, Statement, current_trace

logger = logging.getLogger(__name__)

Event = TypeVar("Event")

# Called for statements outside of requests; those of a request are in its `FinishedRequest`.
on_statement_executed: list[Callable[[Statement], None]] = []
on_requests_finished: list[Callable[[Sequence[FinishedRequest]], None]] = []

# Also the time of requests that a killed process does not report.
INTERVAL_S = 0.05
# More than a second of response cache hits; some 300 bytes each, more with a trace.
MAX_WAITING = 10_000
# `/metrics` and the traces wait this long for the requests before.
FLUSH_TIMEOUT_S = 2.0

dropped = Counter(
    "morpheus_observations_dropped_total",
    "Finished requests that are in no metric and no log line (requests), and lines that are not in "
    "the log (lines): too many at once, or standard error does not take them.",
    ["kind"],
)


def trace_execution(
    execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    """Publish each statement of a connection after its execution: an execute wrapper of Django."""
    if many:
        params = [*params]  # django-prometheus calls len() on them.
    cursor = context["cursor"].cursor
    started = perf_counter()
    rows = None
    is_failed = True
    try:
        result = execute(sql, params, many, context)
        rows = cursor.rowcount if cursor.rowcount >= 0 else None
        is_failed = False
        return result
    finally:
        seconds = perf_counter() - started
        text = sql if isinstance(sql, str) else _as_text(sql, cursor)
        alias = context["connection"].alias
        publish_statement(Statement(alias, text, params, seconds, rows, is_failed, many, started))


def publish_statement(statement: Statement) -> None:
    """Add a statement to the current request trace; outside of requests, call the subscribers."""
    if (trace := current_trace()) is not None:
        trace.add_statement(statement)
    else:
        _publish(on_statement_executed, statement)


def publish_statements(trace: RequestTrace) -> None:
    """Call the subscribers with each statement of a trace that belongs to no request."""
    for statement in trace.statements:
        _publish(on_statement_executed, statement)


def publish_finished_request(request: FinishedRequest) -> None:
    """Have the subscribers called with a finished request."""
    _requests.add(request)


def start() -> None:
    """Call the subscribers of requests in a thread of this process from now on."""
    _requests.start()


def flush() -> None:
    """Wait until the subscribers have been called with all requests of this process so far."""
    _requests.flush(FLUSH_TIMEOUT_S)


_requests: BackgroundQueue[FinishedRequest] = BackgroundQueue(
    "requests",
    lambda requests: _publish(on_requests_finished, requests),
    dropped.labels("requests").inc,
    max_waiting=MAX_WAITING,
    interval_s=INTERVAL_S,
)


def _publish(subscribers: Iterable[Callable[[Event], None]], event: Event) -> None:
    for subscriber in subscribers:
        try:
            subscriber(event)
        except Exception:
            logger.exception("A subscriber failed for a %s.", type(event).__name__)


def _as_text(sql: Any, cursor: Any) -> str:
    return str(sql.as_string(cursor)) if hasattr(sql, "as_string") else str(sql, "utf-8", "replace")
