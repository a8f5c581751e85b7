"""Closed-loop clients: each sends its next request as soon as it has the response."""

from __future__ import annotations

import selectors
import time
from contextlib import ExitStack, closing
from typing import Any, NamedTuple

from perf.lab.example_requests import HttpRequest
from perf.lab.harness.http_client import TIMEOUT_S, BadResponse, Connection
from perf.lab.harness.measurements import percentile


class LoadResult(NamedTuple):
    """What clients received.

    Attributes:
        ms: Time of each response within `seconds`.
        responses: All of them, those after the end of the measurement included.
    """

    seconds: float
    ms: list[float]
    responses: int

    @property
    def per_second(self) -> float:
        return len(self.ms) / self.seconds

    @property
    def p99_ms(self) -> float:
        return percentile(self.ms, 0.99)


def drive(port: int, request: HttpRequest, *, connections: int, seconds: float) -> LoadResult:
    """Send a request over and over on so many connections, from this thread.

    However slow the server is, at least one response is waited for.

    Raises:
        BadResponse, OSError: A response is incomplete or not 200, or a connection broke.
    """
    ms: list[float] = []
    sent_at: dict[Connection, float] = {}

    def send(connection: Connection) -> None:
        connection.send(request)
        sent_at[connection] = time.perf_counter()

    with selectors.DefaultSelector() as waiting, ExitStack() as stack:
        began = time.perf_counter()
        for _ in range(connections):
            connection = stack.enter_context(closing(Connection(port)))
            send(connection)
            waiting.register(connection, selectors.EVENT_READ)
        while (elapsed_s := time.perf_counter() - began) < seconds or not ms:
            events = waiting.select(TIMEOUT_S)
            if not events:
                raise BadResponse("The server does not respond.")
            for key, _ in events:
                ready: Any = key.fileobj
                ready.receive().require_ok()
                ms.append((time.perf_counter() - sent_at[ready]) * 1000)
                send(ready)
        for connection in sent_at:
            connection.receive()
    return LoadResult(elapsed_s, ms, len(ms) + connections)
