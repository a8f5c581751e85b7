"""Private parts of prometheus_client."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from prometheus_client import Histogram
from prometheus_client.multiprocess import mark_process_dead


def forget_dead_processes(folder: Path) -> None:
    """Drop live gauges of processes that ended; counters stay, or they would decrease.

    `mark_process_dead` is for a server that tells which process ended. granian does not, so the
    names of the files tell.
    """
    for pid in {int(path.stem.rsplit("_", 1)[1]) for path in folder.glob("gauge_live*.db")}:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]


def observe_many(histogram: Histogram, values: Iterable[float]) -> None:
    """Observe values; the same as `observe` for each one, with one update of each bucket.

    `observe` goes through the buckets and takes two locks for each value.
    """
    ordered = sorted(values)
    histogram._sum.inc(sum(ordered))
    counts = [bisect_right(ordered, bound) for bound in histogram._upper_bounds]
    for bucket, (below, count) in zip(histogram._buckets, pairwise([0, *counts]), strict=True):
        if count > below:
            bucket.inc(count - below)
