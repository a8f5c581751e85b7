"""Client processes that start together and each return one result."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.synchronize import Barrier
from threading import BrokenBarrierError
from typing import Any, Generic, TypeVar

from morpheus.embedded.processes import die_with_parent

T = TypeVar("T")

# Spawned, not forked: the parent has threads and connections of its own.
SPAWN = multiprocessing.get_context("spawn")
START_TIMEOUT_S = 60.0


class ProcessFailed(Exception):
    """A client process died; its output says why."""


class RunningProcess(Generic[T]):
    """A process that sends its result when it ends."""

    def __init__(
        self, gate: Barrier, function: Callable[..., T], arguments: tuple[Any, ...]
    ) -> None:
        self._receiver, sender = SPAWN.Pipe(duplex=False)
        self._process = SPAWN.Process(
            target=_run, args=(sender, gate, function, *arguments), daemon=True
        )
        self._process.start()
        sender.close()

    def is_done(self) -> bool:
        """Tell whether the process has a result or died."""
        return self._receiver.poll()

    def result(self) -> T:
        """Wait for the result.

        Raises:
            ProcessFailed: The process died.
        """
        try:
            result: T = self._receiver.recv()
        except EOFError as error:
            raise ProcessFailed("A client process died; its output says why.") from error
        finally:
            self._receiver.close()
        self._process.join()
        return result


class ProcessGroup:
    """Processes that wait at a gate until all of them are ready."""

    def __init__(self, size: int) -> None:
        self._gate = SPAWN.Barrier(size + 1)

    def start(self, function: Callable[..., T], *arguments: Any) -> RunningProcess[T]:
        """Call `function(gate, *arguments)` in a process; it passes the gate when it is ready."""
        return RunningProcess(self._gate, function, arguments)

    def release(self) -> None:
        """Wait until all processes are ready and let them begin.

        Raises:
            ProcessFailed: One of them failed before.
        """
        try:
            self._gate.wait(START_TIMEOUT_S)
        except BrokenBarrierError as error:
            raise ProcessFailed("A client process does not start; its output says why.") from error


def _run(sender: Any, gate: Barrier, function: Callable[..., Any], *arguments: Any) -> None:
    die_with_parent()
    try:
        sender.send(function(gate, *arguments))
    except BaseException:
        gate.abort()
        raise
    finally:
        sender.close()
