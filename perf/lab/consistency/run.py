"""One run: clients against servers for a while, then the verdict on what they saw."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from .check import Verdict, judge
from .clients import Load, run_client
from .crowd import SPAWN, START_TIMEOUT_S, Crowd
from .direct import run_direct
from .history import Log, Recorder
from .scene import Scene

POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Outcome:
    """A verdict, how long the clients took, and how many answers they read.

    The verdict's own number of reads has those of the database itself, too.
    """

    verdict: Verdict
    seconds: float
    reads: int


def run(scene: Scene, load: Load, meanwhile: Callable[[], object] | None = None) -> Outcome:
    """Let clients read and write, and judge; `meanwhile` is called again and again until the end.

    The scene must be new: its rows are taken to be in their first states.
    """
    gate, stop = SPAWN.Barrier(load.clients + 2), SPAWN.Event()
    clients, direct = Crowd(gate), Crowd(gate)
    direct.start(run_direct, scene, stop, load.seed)
    for number in range(load.clients):
        clients.start(run_client, scene, load, number)
    gate.wait(START_TIMEOUT_S)
    while not clients.is_done():
        if meanwhile is not None:
            meanwhile()
        time.sleep(POLL_S)
    logs = clients.logs()
    stop.set()
    reads = sum(len(log.answer) for log in logs)
    busy = [log for log in logs if log.answer]
    seconds = max(log.ended[-1] for log in busy) - min(log.began[0] for log in busy)
    return Outcome(judge([_before(scene), *logs, *direct.logs()]), seconds, reads)


def _before(scene: Scene) -> Log:
    """Return the history before the run."""
    recorder = Recorder()
    for write in scene.first_writes():
        recorder.write(write)
    return recorder.log
