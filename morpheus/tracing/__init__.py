"""Traces of what this process does, and events that other packages subscribe to."""

from morpheus.tracing.events import on_request_finished, on_statement_executed
from morpheus.tracing.request_trace import (
    FinishedRequest,
    Lookup,
    RequestTrace,
    Statement,
    current_trace,
)

__all__ = [
    "FinishedRequest",
    "Lookup",
    "RequestTrace",
    "Statement",
    "current_trace",
    "on_request_finished",
    "on_statement_executed",
]
