"""Events: lists of functions that are called after each statement or request.

Subscribers run in the thread that serves the request, so they must be quick. Their errors are
logged and go no further.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

from morpheus.tracing.request_trace import FinishedRequest, RequestTrace, Statement, current_trace

logger = logging.getLogger(__name__)

Event = TypeVar("Event")

# Called for statements outside of requests; those of a request are in its `FinishedRequest`.
on_statement_executed: list[Callable[[Statement], None]] = []
on_request_finished: list[Callable[[FinishedRequest], None]] = []


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
