"""Measuring by turns, so that a busy machine slows all alike: A B C, A B C, and medians."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from statistics import median
from typing import TypeVar

import psutil

from perf.lab.offload.hammer import pace

# Before the first turn: statements get prepared, caches fill.
WARM_UP_S = 1.0

T = TypeVar("T")


@dataclass(frozen=True)
class Figures:
    """What one server did.

    Attributes:
        cpu_us: Of the server's processes, for one answer; PostgreSQL's and Redis' are not in it.
    """

    per_second: float
    p99_ms: float
    cpu_us: float


def measured(port: int, path: str, *, seconds: float, connections: int) -> Figures:
    """Ask one server over and over; it is the only one that is asked meanwhile.

    Raises:
        BadAnswer: An answer is not 200.
    """
    before = cpu_seconds(port)
    found = pace(port, path, {}, seconds=seconds, connections=connections)
    used_s = cpu_seconds(port) - before
    return Figures(found.per_second, found.p99_ms, used_s / found.answers * 1e6)


def by_turns(
    names: Sequence[str], measure: Callable[[str], T], *, rounds: int
) -> dict[str, list[T]]:
    """Measure each once, then each again, in the same order; return a list for each."""
    found: dict[str, list[T]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            found[name].append(measure(name))
    return found


def medians(rounds: Sequence[Figures]) -> Figures:
    """Return the median of each figure."""
    return Figures(*(median(values) for values in zip(*map(astuple, rounds), strict=True)))


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return how many times as large ours is: the median over rounds of what each round says."""
    return median(a / b for a, b in zip(ours, theirs, strict=True))


def cpu_seconds(port: int) -> float:
    """Return the CPU seconds of the server process of a port and its children until now."""
    times = [one.cpu_times() for one in processes(port)]
    return float(sum(time.user + time.system for time in times))


def processes(port: int) -> list[psutil.Process]:
    """Return the server process of a port and its children."""
    server = _server(port)
    return [server, *server.children(recursive=True)]


def _server(port: int) -> psutil.Process:
    for process in psutil.Process().children(recursive=True):
        arguments = process.cmdline()
        if "--port" in arguments and arguments[arguments.index("--port") + 1] == str(port):
            return process
    raise LookupError(f"No server of ours listens on port {port}.")
