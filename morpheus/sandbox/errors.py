"""Why a child process gave no result."""

from __future__ import annotations


class SandboxError(Exception):
    """A function in a child process did not come to its end."""


class TimeLimit(SandboxError):
    """It took more time than it may."""


class MemoryLimit(SandboxError):
    """It wanted more memory than it may have."""


class Crashed(SandboxError):
    """Its process ended in the middle, or its result cannot be sent; the message says how."""


class Unavailable(SandboxError):
    """No child can be started, for no fault of the function's."""
