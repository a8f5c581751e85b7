"""Percentiles, measurements in turns, and CPU time and cores of processes.

In turns, because a busy machine then slows all candidates alike.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from statistics import median
from typing import TypeVar

import psutil

C = TypeVar("C")
T = TypeVar("T")


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that `share` of the values do not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def measure_in_turns(
    candidates: Sequence[C], measure: Callable[[C], T], *, rounds: int
) -> dict[C, list[T]]:
    """Measure each candidate once, then each again, in the same order; return a list for each."""
    results: dict[C, list[T]] = {candidate: [] for candidate in candidates}
    for _ in range(rounds):
        for candidate in candidates:
            results[candidate].append(measure(candidate))
    return results


def median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the median over rounds of ours ÷ theirs, each within one round."""
    return median(a / b for a, b in zip(ours, theirs, strict=True))


def process_tree(pid: int) -> list[psutil.Process]:
    """Return a process and its descendants; none if it has ended."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process and its descendants until now."""
    times = [process.cpu_times() for process in process_tree(pid)]
    return float(sum(time.user + time.system for time in times))


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a process and its descendants."""
    return sum(process.memory_info().rss for process in process_tree(pid))


def split_cores() -> tuple[set[int], set[int]]:
    """Return the first core that is allowed, and the others; the same one if there is no other."""
    first, *others = sorted(os.sched_getaffinity(0))
    return {first}, set(others) or {first}


def pin(processes: Iterable[psutil.Process], cores: Collection[int] = ()) -> None:
    """Keep processes, and the threads that they will start, on `cores`, or on the first allowed.

    A process that has ended needs none.
    """
    for process in processes:
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            for thread in process.threads():
                os.sched_setaffinity(thread.id, cores or split_cores()[0])


@contextmanager
def pin_all(processes: Iterable[psutil.Process]) -> Iterator[None]:
    """Pin this process and others for the block, where the system allows it."""
    ours = psutil.Process()
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    for process in (ours, *processes):
        with suppress(PermissionError, psutil.Error):
            pin([process])
    try:
        yield
    finally:
        for thread in ours.threads():
            os.sched_setaffinity(thread.id, before)
