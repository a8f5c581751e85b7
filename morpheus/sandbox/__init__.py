"""Run functions in child processes with limits; the harm of a hostile file ends there.

`run` may be called from any thread. A process with one thread, which has imported the function's
module, forks the child: it starts within milliseconds, and its memory returns to the system when it
ends. docs/sandbox.md has the figures.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

from morpheus.sandbox.launcher import running_job
from morpheus.sandbox.limits import Crashed, JobLimits, MemoryLimit, TimeLimit, Unavailable

__all__ = ["run", "run_or_refuse"]
__all__ += ["Crashed", "JobLimits", "MemoryLimit", "TimeLimit", "Unavailable"]

T = TypeVar("T")

logger = logging.getLogger(__name__)

# The kernel ends a child at its limit. So much later its caller does, in case that failed.
GRACE_S = 2.0


def run(
    function: Callable[..., T],
    *args: Any,
    limits: JobLimits,
    progress: Callable[..., None] | None = None,
    check: Callable[[], None] | None = None,
    check_every_s: float = 0.5,
) -> T:
    """Return `function(*args)`, called in a child process within `limits`.

    The child imports the function by its module and name, and has neither settings nor a database.
    Arguments, result and exceptions are pickled. The child ends with this call in any case.

    Args:
        progress: Called here with the values that the function passes to its argument `progress`.
        check: Called here every `check_every_s` seconds; an exception stops the child.

    Raises:
        SandboxError: Of the kind that says why there is no result.
    """
    with running_job(function.__module__) as job:
        job.send(limits)
        job.send((function, args, progress is not None))
        deadline = time.monotonic() + limits.wall_s + GRACE_S
        check_at = time.monotonic() + check_every_s
        while (now := time.monotonic()) < deadline:
            if now >= check_at:
                check_at = now + check_every_s
                if check is not None:
                    check()
            kind, value = job.receive(min(deadline, check_at) - now) or ("progress", None)
            if kind != "progress":
                return _read_outcome(kind, value)  # type: ignore[no-any-return]
            if progress is not None and value is not None:
                progress(*value)
        raise TimeLimit(f"It did not end within {limits.wall_s:g} s.")


def run_or_refuse(
    function: Callable[..., T],
    *args: Any,
    limits: JobLimits,
    too_slow: Exception,
    too_large: Exception,
    unreadable: Exception,
    **callbacks: Any,
) -> T:
    """Read a user's file by `run`; a limit or a crash raises a refusal that the user understands.

    Args:
        too_slow: Raised where the function took too much time.
        too_large: Raised where it needed too much memory.
        unreadable: Raised where the child ended by itself, which is logged.
    """
    try:
        return run(function, *args, limits=limits, **callbacks)
    except TimeLimit as error:
        raise too_slow from error
    except MemoryLimit as error:
        raise too_large from error
    except Crashed as error:
        logger.error("A file ended the child process that read it: %s", error)
        raise unreadable from error


def _read_outcome(kind: str, value: Any) -> Any:
    if kind == "value":
        return value
    if kind == "memory":
        raise MemoryLimit("It needed too much memory.")
    if kind == "error":
        raise value
    raise Crashed(value)
