"""Every route over HTTP, from a server without a cache and from a warm one, by turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from perf.lab.example_requests import HttpRequest
from perf.lab.harness.http_client import Connection, Response
from perf.lab.suite.asks import EXPLAINED, HttpAsk, explained, reads, writes
from perf.lab.suite.people import People
from perf.lab.suite.timing import Times, reference_ms, timed
from perf.monitoring.budgets import budgets

COLD, WARM = "cold", "warm"
# Rounds that fill the cache and prepare statements, uncounted.
WARM_UP_ROUNDS = 8
EXPLAINED_WITHIN_S = 10.0
# Answers of writes, beside 200.
_GOOD = {200, 201, 202, 204}


class AskFailed(Exception):
    """An answer was an error; the message says which."""


@dataclass
class RouteTimes:
    """The times of one request.

    Attributes:
        temperature: "cold" without a cache, "warm" when it was asked for before.
        size_bytes: The largest body.
    """

    route: str
    name: str
    temperature: str
    times: Times = field(default_factory=Times)
    size_bytes: int = 0


def route_times(
    people: People, ports: dict[str, int], *, rounds: int, tell: Callable[[int], None]
) -> list[RouteTimes]:
    """Time every route so many times on each server; each request beside the reference.

    Raises:
        AskFailed: An answer was an error.
    """
    found: dict[tuple[str, str], RouteTimes] = {}
    asks = reads(people)
    with _connections(ports) as connections:
        _until_explained(people, connections)
        for number in range(-WARM_UP_ROUNDS, rounds):
            for ask, temperature, answer, ms, reference in _round(
                people, asks, connections, f"perf{number + WARM_UP_ROUNDS}"
            ):
                if number >= 0:
                    key = (ask.name, temperature)
                    one = found.setdefault(key, RouteTimes(ask.route, ask.name, temperature))
                    one.times.add(ms, reference)
                    one.size_bytes = max(one.size_bytes, len(answer.body))
            tell(number + 1)
    return list(found.values())


_Timed = tuple[HttpAsk, str, Response, float, float]


def _round(
    people: People, asks: list[HttpAsk], connections: dict[str, Connection], turn: str
) -> Iterator[_Timed]:
    """Yield everything once: a request, which server, its answer, its time, the reference's."""
    for connection in connections.values():
        # Explanations of others push out those that are older.
        _send(explained(people), connection)
    said = budgets().routes
    for ask in asks:
        for temperature, connection in connections.items():
            # What is never cached is as cold on the other server.
            if temperature == COLD or said[ask.route].is_cached:
                yield _asked(ask, temperature, connection)
    for temperature, connection in connections.items():
        script = writes(people, f"{turn}{temperature}")
        ask = next(script)
        while True:
            done = _asked(ask, temperature, connection)
            yield done
            try:
                ask = script.send(done[2])
            except StopIteration:
                break


def _asked(ask: HttpAsk, temperature: str, connection: Connection) -> _Timed:
    reference = reference_ms()
    ms, answer = timed(lambda: _send(ask, connection))
    if answer.status not in _GOOD:
        raise AskFailed(f"{ask.name}, {temperature}: {answer.status} {answer.body[:300]!r}")
    return ask, temperature, answer, ms, reference


def _send(ask: HttpAsk, connection: Connection) -> Response:
    return connection.exchange(HttpRequest(ask.method, ask.path, ask.headers, ask.body))


def _until_explained(people: People, connections: dict[str, Connection]) -> None:
    """Have each server explain a request, and wait until it has."""
    wanted = next(ask for ask in reads(people) if ask.path.endswith(f"/{EXPLAINED}/"))
    for connection in connections.values():
        _send(explained(people), connection)
        deadline = time.monotonic() + EXPLAINED_WITHIN_S
        while _send(wanted, connection).status == 404 and time.monotonic() < deadline:
            time.sleep(0.05)


@contextmanager
def _connections(ports: dict[str, int]) -> Iterator[dict[str, Connection]]:
    connections = {name: Connection(port) for name, port in ports.items()}
    try:
        yield connections
    finally:
        for connection in connections.values():
            connection.close()
