"""Functions run in child processes with limits; what a file of a client's makes them do ends there.

`run` is safe to call from any thread: a child is forked by a process that has one thread and has
imported the function's module, so it starts in some milliseconds, and its memory returns to the
system when it ends. docs/sandbox.md has the figures.
"""

from __future__ import annotations

from morpheus.sandbox.errors import Crashed, MemoryLimit, SandboxError, TimeLimit, Unavailable
from morpheus.sandbox.jobs import run
from morpheus.sandbox.limits import JobLimits
from morpheus.sandbox.turns import Busy, Turns

__all__ = [
    "Busy",
    "Crashed",
    "JobLimits",
    "MemoryLimit",
    "SandboxError",
    "TimeLimit",
    "Turns",
    "Unavailable",
    "run",
]
