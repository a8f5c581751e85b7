"""Closed-loop clients: each sends its next request as soon as it has the response."""

from __future__ import annotations

import selectors
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from multiprocessing.synchronize import Barrier

from perf.lab.example_requests import HttpRequest
from perf.lab.harness.http_client import BadResponse, Connection
from perf.lab.harness.measurements import percentile
from perf.lab.harness.processes import START_TIMEOUT_S, ProcessGroup

# Clients of one process wait for each other while it handles a response.
PROCESSES = 2
# After an error, so that a server that restarts is not flooded.
PAUSE_S = 0.02


@dataclass
class LoadResult:
    """What clients received.

    Attributes:
        ms: Time of each response with status 200.
        failures: Other responses and errors, by status or name of the error.
        responses: All of them, those after the end of the measurement included.
    """

    seconds: float = 0.0
    ms: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    responses: int = 0

    def add(self, other: LoadResult) -> None:
        """Add what other clients received in the same time."""
        self.seconds = max(self.seconds, other.seconds)
        self.ms += other.ms
        self.failures += other.failures
        self.responses += other.responses

    @property
    def per_second(self) -> float:
        return len(self.ms) / self.seconds if self.seconds else 0.0

    def percentile_ms(self, share: float) -> float:
        """Return a percentile of the times; not a number without responses."""
        return percentile(self.ms, share) if self.ms else float("nan")


class _Client:
    def __init__(self, target: int | str, requests: Iterator[HttpRequest]) -> None:
        self.connection = Connection(target)
        self._requests = requests
        self._descriptor: int | None = None

    def send(self, waiting: selectors.BaseSelector, result: LoadResult) -> bool:
        """Send the next request; count an error and tell whether there was none."""
        try:
            self.connection.open()
            if self._descriptor is None:
                self._descriptor = self.connection.fileno()
                waiting.register(self._descriptor, selectors.EVENT_READ, self)
            self.connection.send(next(self._requests))
        except OSError as error:
            result.failures[type(error).__name__] += 1
            self._close(waiting)
            return False
        self._sent_at = time.perf_counter()
        return True

    def receive(self, waiting: selectors.BaseSelector, result: LoadResult) -> None:
        """Receive and count a response or an error."""
        try:
            status = self.connection.receive().status
        except (OSError, BadResponse) as error:
            result.failures[type(error).__name__] += 1
            self._close(waiting)
            return
        if status == 200:
            result.ms.append((time.perf_counter() - self._sent_at) * 1000)
        else:
            result.failures[str(status)] += 1
        if not self.connection.is_open:
            self._close(waiting)

    def _close(self, waiting: selectors.BaseSelector) -> None:
        # At once: another client's next connection may have the same descriptor.
        self.connection.close()
        if self._descriptor is not None:
            waiting.unregister(self._descriptor)
            self._descriptor = None


def drive(
    target: int | str, requests: Sequence[HttpRequest], *, connections: int, seconds: float
) -> LoadResult:
    """Send the requests over and over on so many connections, from this thread.

    However slow the server is, at least one response or failure is waited for.

    Args:
        target: A port of this machine or a URL.
    """
    result = LoadResult()
    idle = [
        # They must not send the same request at the same time.
        _Client(target, islice(cycle(requests), number % len(requests), None))
        for number in range(connections)
    ]
    busy: set[_Client] = set()
    with selectors.DefaultSelector() as waiting:
        began = time.perf_counter()
        while (now := time.perf_counter()) - began < seconds or not (result.ms or result.failures):
            sent = [client for client in idle if client.send(waiting, result)]
            busy.update(sent)
            idle = [client for client in idle if client not in busy]
            for key, _ in waiting.select(timeout=PAUSE_S):
                key.data.receive(waiting, result)
                busy.discard(key.data)
                idle.append(key.data)
        result.seconds = now - began
        result.responses = len(result.ms) + len(busy) + result.failures.total()
        for client in busy:
            client.receive(waiting, LoadResult())
        for client in (*busy, *idle):
            client.connection.close()
    return result


def drive_from_processes(
    target: int | str, requests: Sequence[HttpRequest], *, connections: int, seconds: float
) -> LoadResult:
    """Do as `drive`, with the connections spread over processes."""
    shares = [connections // PROCESSES + (n < connections % PROCESSES) for n in range(PROCESSES)]
    shares = [share for share in shares if share]
    group, total = ProcessGroup(len(shares)), LoadResult()
    running = [group.start(_drive_share, target, requests, share, seconds) for share in shares]
    group.release()
    for process in running:
        total.add(process.result())
    return total


def _drive_share(
    gate: Barrier,
    target: int | str,
    requests: Sequence[HttpRequest],
    connections: int,
    seconds: float,
) -> LoadResult:
    gate.wait(START_TIMEOUT_S)
    return drive(target, requests, connections=connections, seconds=seconds)
