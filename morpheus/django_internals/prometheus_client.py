"""Private parts of prometheus_client."""

from __future__ import annotations

import os
from pathlib import Path

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
