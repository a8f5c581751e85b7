"""Run functions in child processes with limits; the harm of a hostile file ends there.

`run` may be called from any thread. A process with one thread, which has imported the function's
module, forks the child: it starts within milliseconds, and its memory returns to the system when it
ends. docs/sandbox.md has the figures.
"""

from __future__ import annotations

from morpheus.sandbox.jobs import run, run_or_refuse
from morpheus.sandbox.limits import (
    Crashed,
    JobLimits,
    MemoryLimit,
    SandboxError,
    TimeLimit,
    Unavailable,
)

__all__ = [
    "Crashed",
    "JobLimits",
    "MemoryLimit",
    "SandboxError",
    "TimeLimit",
    "Unavailable",
    "run",
    "run_or_refuse",
]
