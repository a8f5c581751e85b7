"""What this process does, told to whoever watches; the kernel does not know who that is."""

from morpheus.tracing.events import on_answer, on_statement
from morpheus.tracing.request_trace import Answer, Ledger, Lookup, Statement, current

__all__ = ["Answer", "Ledger", "Lookup", "Statement", "current", "on_answer", "on_statement"]
