"""Events: lists of functions that are called after each statement or request.

Subscribers run in the thread that serves the request, so they must be quick. Their errors are
logged and go no further.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any, TypeVar

from morpheus.tracing.request_trace import FinishedRequest, RequestTrace, Statement, current_trace

logger = logging.getLogger(__name__)

Event = TypeVar("Event")

# Called for statements outside of requests; those of a request are in its `FinishedRequest`.
on_statement_executed: list[Callable[[Statement], None]] = []
on_request_finished: list[Callable[[FinishedRequest], None]] = []


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
        publish_statement(Statement(alias, text, params, seconds, rows, is_failed, many))


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
    """Call the subscribers with a finished request."""
    _publish(on_request_finished, request)


def _publish(subscribers: Iterable[Callable[[Event], None]], event: Event) -> None:
    for subscriber in subscribers:
        try:
            subscriber(event)
        except Exception:
            logger.exception("A subscriber failed for a %s.", type(event).__name__)


def _as_text(sql: Any, cursor: Any) -> str:
    return str(sql.as_string(cursor)) if hasattr(sql, "as_string") else str(sql, "utf-8", "replace")
