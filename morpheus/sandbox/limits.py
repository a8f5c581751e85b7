"""What a child process may use, and the errors of one that did not finish."""

from __future__ import annotations

import math
import resource
import signal
from dataclasses import dataclass
from pathlib import Path

# Files and sockets that a child may have open; it needs about three.
_OPEN_FILES = 64
_STATM = Path("/proc/self/statm")


class SandboxError(Exception):
    """A function in a child process gave no result."""


class TimeLimit(SandboxError):
    """It took too much time."""


class MemoryLimit(SandboxError):
    """It needed too much memory."""


class Crashed(SandboxError):
    """Its process ended early, or its result cannot be sent; the message says how."""


class Unavailable(SandboxError):
    """No child can be started; the function is not the reason."""


@dataclass(frozen=True, slots=True)
class JobLimits:
    """Limits of one call; the kernel enforces them, in C code too.

    Attributes:
        cpu_s: CPU time.
        wall_s: Time from start to end, on a busy machine too.
        memory_bytes: Address space beyond that of an idle child. Enforced on Linux.
    """

    cpu_s: float
    wall_s: float
    memory_bytes: int

    def apply(self) -> None:
        """Limit this process from now on."""
        # The default action ends the process, even inside a regular expression or a decoder.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.signal(signal.SIGXCPU, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, self.wall_s)
        cpu_s = math.ceil(self.cpu_s)
        _lower(resource.RLIMIT_CPU, cpu_s)
        _lower(resource.RLIMIT_CORE, 0)
        # A child writes no file; sockets are not files.
        _lower(resource.RLIMIT_FSIZE, 0)
        _lower(resource.RLIMIT_NOFILE, _OPEN_FILES)
        if _STATM.exists():
            pages = int(_STATM.read_text().split()[0])
            _lower(resource.RLIMIT_AS, pages * resource.getpagesize() + self.memory_bytes)


def _lower(kind: int, value: int) -> None:
    """Set a soft limit, at most the hard limit."""
    _, hard = resource.getrlimit(kind)
    soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (soft, hard))
