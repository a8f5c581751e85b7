"""The processes of a run, each of which writes a log."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Barrier
from typing import Any

from .history import Log

# Spawned, not forked: whoever starts them has threads and connections of their own.
SPAWN = multiprocessing.get_context("spawn")
START_TIMEOUT_S = 60.0


class Crowd:
    """The processes of a run; each sends one log when it is done.

    Attributes:
        gate: Where all wait for the last one.
    """

    def __init__(self, gate: Barrier) -> None:
        self.gate = gate
        self._running: list[tuple[BaseProcess, Connection]] = []

    def start(self, run: Callable[..., Log], *arguments: Any) -> None:
        """Call `run` in a process of its own; its first argument is the gate."""
        receiver, sender = SPAWN.Pipe(duplex=False)
        process = SPAWN.Process(
            target=_send, args=(sender, run, self.gate, *arguments), daemon=True
        )
        process.start()
        sender.close()
        self._running.append((process, receiver))

    def is_done(self) -> bool:
        """Tell whether all have a log to send, or died."""
        return all(receiver.poll() for _, receiver in self._running)

    def logs(self) -> list[Log]:
        """Wait for all and return their logs.

        Raises:
            EOFError: One of them died; its output says why.
        """
        logs = [receiver.recv() for _, receiver in self._running]
        for process, receiver in self._running:
            process.join()
            receiver.close()
        return logs


def _send(sender: Connection, run: Callable[..., Log], *arguments: Any) -> None:
    sender.send(run(*arguments))
    sender.close()
