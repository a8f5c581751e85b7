"""All measured processes on one core, as a server process runs best."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

import psutil


def pin(processes: Iterable[psutil.Process]) -> None:
    """Keep processes, and the threads that they will start, on the first core that is allowed."""
    core = min(os.sched_getaffinity(0))
    for process in processes:
        for thread in process.threads():
            os.sched_setaffinity(thread.id, {core})


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
