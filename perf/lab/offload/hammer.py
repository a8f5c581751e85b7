"""One request over and over, on some connections at once, by one cheap thread."""

from __future__ import annotations

import selectors
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from perf.lab.walk import percentile

from .client import Connection

CONNECTIONS = 16


@dataclass(frozen=True)
class Pace:
    """How fast a server answered.

    Attributes:
        answers: All that it gave, with those that came after the time.
    """

    per_second: float
    p50_ms: float
    p99_ms: float
    answers: int


def pace(
    port: int,
    path: str,
    headers: dict[str, str],
    *,
    seconds: float,
    connections: int = CONNECTIONS,
) -> Pace:
    """Ask again on each connection as soon as it is answered; return the pace.

    Raises:
        BadAnswer: An answer was not 200.
    """
    ms: list[float] = []
    with _opened([port] * connections) as opened, selectors.DefaultSelector() as waiting:
        sent = {}
        for connection in opened:
            connection.send("GET", path, headers)
            sent[connection] = time.perf_counter()
            waiting.register(connection.fileno(), selectors.EVENT_READ, connection)
        began = time.perf_counter()
        # However slow it is, there is something to say of it.
        while (now := time.perf_counter()) - began < seconds or not ms:
            for key, _ in waiting.select(timeout=1):
                connection = key.data
                connection.receive().require_ok()
                now = time.perf_counter()
                ms.append((now - sent[connection]) * 1000)
                connection.send("GET", path, headers)
                sent[connection] = now
        for connection in opened:
            connection.receive()
    per_second = len(ms) / (now - began)
    return Pace(per_second, percentile(ms, 0.5), percentile(ms, 0.99), len(ms) + connections)


@contextmanager
def _opened(ports: list[int]) -> Iterator[list[Connection]]:
    connections = [Connection(port) for port in ports]
    try:
        for connection in connections:
            connection.open()
        yield connections
    finally:
        for connection in connections:
            connection.close()
