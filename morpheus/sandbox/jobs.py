"""A call in a child process, from its caller's side."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from morpheus.sandbox.errors import Crashed, MemoryLimit, TimeLimit
from morpheus.sandbox.launcher import launcher
from morpheus.sandbox.limits import JobLimits

T = TypeVar("T")

# The system ends a child at its limit; this much later its caller does, should that fail.
GRACE_S = 2.0


def run(
    function: Callable[..., T],
    *args: Any,
    limits: JobLimits,
    progress: Callable[..., None] | None = None,
    check: Callable[[], None] | None = None,
    check_every_s: float = 0.5,
) -> T:
    """Return `function(*args)`, called in a child process that may use no more than `limits`.

    The function is found by its module and name there, and has neither settings nor a database.
    Arguments, result and exceptions are pickled. Whatever ends this call ends the child: its
    result, its exception, one of `progress` or `check`, or the end of this process.

    Args:
        progress: Called here with what the function passes to its argument of that name.
        check: Called here every `check_every_s` seconds; stops the child by raising.

    Raises:
        TimeLimit: It took longer than `limits` say.
        MemoryLimit: It needed more memory.
        Crashed: The child ended by itself.
        Unavailable: No child can be started.
    """
    with launcher.job(function.__module__) as job:
        job.send(limits)
        job.send((function, args, progress is not None))
        now = time.monotonic()
        deadline = now + limits.wall_s + GRACE_S
        check_at = now + check_every_s
        while now < deadline:
            message = job.receive(min(deadline, check_at) - now)
            if message is not None:
                kind, value = message
                if kind != "progress":
                    return _outcome(kind, value)  # type: ignore[no-any-return]
                if progress is not None:
                    progress(*value)
            now = time.monotonic()
            if now >= check_at:
                check_at = now + check_every_s
                if check is not None:
                    check()
        raise TimeLimit(f"It did not end within {limits.wall_s:g} s.")


def _outcome(kind: str, value: Any) -> Any:
    if kind == "value":
        return value
    if kind == "memory":
        raise MemoryLimit("It needed more memory than it may have.")
    if kind == "error":
        raise value
    raise Crashed(value)
