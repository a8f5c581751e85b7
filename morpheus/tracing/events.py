"""Subscriptions: functions that are called when a statement or a request is over.

They run in the thread that serves the request: they must be quick, and their errors are logged and
go no further.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from morpheus.tracing.request_trace import FinishedRequest, RequestTrace, Statement, current_trace

logger = logging.getLogger(__name__)

# Of statements within requests, `on_request_finished` tells with the whole request.
on_statement_executed: list[Callable[[Statement], None]] = []
on_request_finished: list[Callable[[FinishedRequest], None]] = []


def publish_statement(statement: Statement) -> None:
    """Note a statement in the request's trace; outside of requests, tell the subscribers."""
    if (trace := current_trace()) is not None:
        trace.add_statement(statement)
    else:
        _tell(statement)


def publish_statements(trace: RequestTrace) -> None:
    """Tell of the statements of a trace that was no request's."""
    for statement in trace.statements:
        _tell(statement)


def publish_finished_request(answer: FinishedRequest) -> None:
    """Tell the subscribers."""
    for tell in on_request_finished:
        try:
            tell(answer)
        except Exception:
            logger.exception("An answer could not be observed.")


def _tell(statement: Statement) -> None:
    for tell in on_statement_executed:
        try:
            tell(statement)
        except Exception:
            logger.exception("A statement could not be observed.")
