"""The load: few processes of few threads, each a visitor with a connection of its own."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from queue import Queue
from typing import Any

from .mix import sequence
from .subjects import Subjects
from .visit import Request
from .visitor import Outcome

PROCESSES = 2
# Together: half as many connections as two servers have threads.
THREADS = 8
VISITORS = PROCESSES * THREADS
READY = "ready"


class LoadFailed(Exception):
    """A process of the load ended before its time; it said why on stderr."""


@dataclass(frozen=True)
class Plan:
    """What is run.

    Attributes:
        requests: Of all visitors together.
        only_writes: Make none of those that read.
        ports: Of the servers; visitors take them by turns.
        environment: Of the process that does the worker's part.
    """

    of: Subjects
    seed: int
    requests: int
    ports: Sequence[int]
    tokens: Mapping[int, str]
    environment: Mapping[str, str]
    folder: str
    only_writes: bool = False

    def of_visitor(self, visitor: int) -> Iterator[Request]:
        """Yield the requests of one visitor."""
        for request in _visit(self.of, self.seed, self.requests, visitor):
            if request.is_write or not self.only_writes:
                yield request


def every_visit(of: Subjects, *, seed: int, requests: int) -> Iterator[Request]:
    """Yield the requests of all visitors, one visitor after the other."""
    for visitor in range(VISITORS):
        yield from _visit(of, seed, requests, visitor)


def _visit(of: Subjects, seed: int, requests: int, visitor: int) -> Iterator[Request]:
    count = requests // VISITORS + (visitor < requests % VISITORS)
    return sequence(of, seed=seed, visitor=visitor, count=count)


def run(plan: Plan, *, watch: Callable[[int], None]) -> tuple[Outcome, float]:
    """Make all requests; return what became of them, and the seconds.

    `watch` is called often with the number of answers so far.

    Raises:
        LoadFailed: A process ended.
    """
    messages: Queue[Any] = Queue()
    with ExitStack() as stack:
        started = [
            stack.enter_context(_started(plan, number, messages)) for number in range(PROCESSES)
        ]
        for _ in started:
            _expect(messages.get())
        began = time.perf_counter()
        for process in started:
            _send(process, None)
        whole, answered, missing = Outcome(), 0, PROCESSES
        while missing:
            message = _expect(messages.get())
            if isinstance(message, Outcome):
                whole.add(message)
                missing -= 1
            else:
                answered += message
                watch(answered)
        return whole, time.perf_counter() - began


@contextmanager
def _started(plan: Plan, number: int, messages: Queue[Any]) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process whose messages go into the queue; None says that it ended."""
    with subprocess.Popen(  # noqa: S603 - our own command line
        [sys.executable, "-m", "perf.lab.offload.load_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=plan.folder,
    ) as process:
        try:
            _send(process, (plan, number))
            threading.Thread(target=_receive, args=[process, messages], daemon=True).start()
            yield process
        finally:
            process.kill()


def _send(process: subprocess.Popen[bytes], message: object) -> None:
    assert process.stdin  # noqa: S101 - it is a pipe
    try:
        pickle.dump(message, process.stdin)
        process.stdin.flush()
    except BrokenPipeError as error:
        raise LoadFailed("A process of the load does not start, see above.") from error


def _receive(process: subprocess.Popen[bytes], messages: Queue[Any]) -> None:
    assert process.stdout  # noqa: S101 - it is a pipe
    message: Any = READY
    while not isinstance(message, Outcome):
        try:
            message = pickle.load(process.stdout)  # noqa: S301 - our own process
        except (EOFError, OSError, ValueError, pickle.UnpicklingError):
            messages.put(None)
            return
        messages.put(message)


def _expect(message: Any) -> Any:
    if message is None:
        raise LoadFailed("A process of the load ended, see above.")
    return message
