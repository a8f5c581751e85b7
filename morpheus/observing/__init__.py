"""What this process does, told to whoever watches; the kernel does not know who that is."""

from morpheus.observing.events import on_answer, on_statement
from morpheus.observing.ledger import Answer, Ledger, Lookup, Statement, current

__all__ = ["Answer", "Ledger", "Lookup", "Statement", "current", "on_answer", "on_statement"]
