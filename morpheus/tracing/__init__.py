"""What this process does, told to whoever watches; the kernel does not know who that is."""

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
    "RequestTrace",
    "Lookup",
    "Statement",
    "current_trace",
    "on_request_finished",
    "on_statement_executed",
]
