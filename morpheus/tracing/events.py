"""Subscriptions: functions that are called when a statement or a request is over.

They run in the thread that serves the request: they must be quick, and their errors are logged and
go no further.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from morpheus.tracing.request_trace import Answer, Ledger, Statement, current

logger = logging.getLogger(__name__)

# Of statements within requests, `on_answer` tells with the whole request.
on_statement: list[Callable[[Statement], None]] = []
on_answer: list[Callable[[Answer], None]] = []


def statement_ended(statement: Statement) -> None:
    """Note a statement in the request's ledger; outside of requests, tell the subscribers."""
    if (ledger := current()) is not None:
        ledger.add(statement)
    else:
        _tell(statement)


def work_ended(ledger: Ledger) -> None:
    """Tell of the statements of a ledger that was no request's."""
    for statement in ledger.statements:
        _tell(statement)


def request_answered(answer: Answer) -> None:
    """Tell the subscribers."""
    for tell in on_answer:
        try:
            tell(answer)
        except Exception:
            logger.exception("An answer could not be observed.")


def _tell(statement: Statement) -> None:
    for tell in on_statement:
        try:
            tell(statement)
        except Exception:
            logger.exception("A statement could not be observed.")
