"""Everybody on the same core while it is measured, as one server process is best kept."""

from __future__ import annotations

import os
from collections.abc import Iterable

import psutil


def pin(processes: Iterable[psutil.Process]) -> None:
    """Keep processes, and the threads that they will start, on the first core that we may use."""
    core = min(os.sched_getaffinity(0))
    for process in processes:
        for thread in process.threads():
            os.sched_setaffinity(thread.id, {core})
