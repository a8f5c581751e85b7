"""One run: clients against servers for a while, then the check of all that they read."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event

from perf.lab.harness.processes import ProcessGroup

from .check import Verdict, check
from .clients import Load, run_client
from .database import run_direct
from .history import Log, Recorder
from .scene import Scene

POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Outcome:
    """A verdict, how long the clients took, and how many responses they read.

    The verdict's own number of reads includes those of the database itself.
    """

    verdict: Verdict
    seconds: float
    reads: int


def run(scene: Scene, load: Load, meanwhile: Callable[[], object] | None = None) -> Outcome:
    """Run clients that read and write, then check; call `meanwhile` repeatedly until the end.

    The scene must be new: its rows are in their first states.
    """
    group, stop = ProcessGroup(load.clients), Event()
    clients = [group.start(run_client, scene, load, number) for number in range(load.clients)]
    with ThreadPoolExecutor(1) as threads:
        group.release()
        direct = threads.submit(run_direct, scene, stop, load.seed)
        try:
            while not all(client.is_done() for client in clients):
                if meanwhile is not None:
                    meanwhile()
                time.sleep(POLL_S)
            logs = [client.result() for client in clients]
        finally:
            stop.set()
    busy = [log for log in logs if log.response]
    seconds = max(log.ended[-1] for log in busy) - min(log.began[0] for log in busy)
    reads = sum(len(log.response) for log in logs)
    return Outcome(check([_make_first_log(scene), *logs, direct.result()]), seconds, reads)


def _make_first_log(scene: Scene) -> Log:
    """Return the history before the run."""
    recorder = Recorder()
    for write in scene.first_writes():
        recorder.record_write(write)
    return recorder.log
