"""What a child process may use; the system enforces it, whatever code the child is in."""

from __future__ import annotations

import math
import resource
import signal
from dataclasses import dataclass
from pathlib import Path

# Files and sockets that a child has open at once; it needs some three.
_OPEN_FILES = 64
_STATM = Path("/proc/self/statm")


@dataclass(frozen=True, slots=True)
class JobLimits:
    """Bounds of one call.

    Attributes:
        cpu_s: Seconds of computing.
        wall_s: Seconds from start to end, on a busy machine, too.
        memory_bytes: Address space beyond that of a child which does nothing. Enforced on Linux.
    """

    cpu_s: float
    wall_s: float
    memory_bytes: int

    def apply(self) -> None:
        """Limit this process, from now on."""
        # Their default action ends the process, also inside a regular expression or a decoder.
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
    """Set a soft limit, below what the process was started with."""
    _, hard = resource.getrlimit(kind)
    soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (soft, hard))
