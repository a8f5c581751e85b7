"""Measures each route of all contestants in turns, all servers on one core."""

from __future__ import annotations

import math
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

from morpheus.management.embedded import embedded_services
from perf.lab.example_requests import HttpRequest
from perf.lab.harness.http_client import HOST, BadResponse
from perf.lab.harness.measurements import (
    cpu_seconds,
    measure_in_turns,
    median_ratio,
    pin,
    process_tree,
    split_cores,
)
from perf.lab.harness.servers import Servers
from perf.lab.harness.tables import Table

from .contestants import PAIRS, Contestant, Pair
from .routes import Route, read_route
from .running import Runner

CONNECTIONS = (16, 100)
ROUNDS = 5
SECONDS = 3.0
# Before the first round: statements get prepared, caches fill, Node compiles.
WARM_UP_S = 2.0
# On a busy machine the slowest peer needs a minute for the requests of 100 connections.
TIMEOUT_S = 600
SCRIPT = Path(__file__).with_name("walk.lua")
# The line that the script prints.
_RESULT = re.compile(
    r"^responses=(\d+) seconds=([\d.]+) p99_ms=([\d.]+) errors=(\d+)$", re.MULTILINE
)


class Figures(NamedTuple):
    """One measurement of one server.

    Attributes:
        cpu_us: Of the server's processes, per response; without PostgreSQL's and Redis' time.
    """

    per_second: float
    p99_ms: float
    cpu_us: float


@dataclass(frozen=True)
class Comparison:
    """All rounds of one route with one number of connections, by contestant."""

    route: Route
    connections: int
    rounds: Mapping[Contestant, Sequence[Figures]]

    def medians(self, contestant: Contestant) -> Figures:
        """Return the median of each figure of a contestant."""
        return Figures(*map(median, zip(*self.rounds[contestant], strict=True)))

    def format(self) -> Iterator[str]:
        """Yield the lines of a table, and a line for each pair."""
        title = f"{self.route.name}, {self.connections} connections"
        table = Table([title, "requests/s", "p99 ms", "CPU µs"], first_width=30)
        yield from ("", table.heading)
        for contestant in self.rounds:
            figures = self.medians(contestant)
            cells = (f"{figures.per_second:,.0f}", f"{figures.p99_ms:,.1f}")
            yield table.row(contestant.title, *cells, f"{figures.cpu_us:,.0f}")
        for pair in PAIRS:
            if {pair.ours, pair.theirs} <= self.rounds.keys():
                yield self._compare(pair)

    def _compare(self, pair: Pair) -> str:
        """Return how many times as many responses one contestant gives as another."""
        us, them = self.rounds[pair.ours], self.rounds[pair.theirs]
        ratio = median_ratio([f.per_second for f in us], [f.per_second for f in them])
        cpu_ratio = median_ratio([f.cpu_us for f in them], [f.cpu_us for f in us])
        verdict = ""
        if goal := pair.goals.get(self.route.name):
            verdict = f" (goal {goal:.2f}: {'reached' if ratio >= goal else 'not reached'})"
        return (
            f"  {pair.ours.title} ÷ {pair.theirs.title}: {ratio:.2f} × requests/s{verdict}, "
            f"{cpu_ratio:.2f} × responses per CPU second"
        )


def compare(
    runners: Mapping[Contestant, Runner],
    routes: Sequence[Route],
    *,
    rounds: int,
    seconds: float,
    connections: Sequence[int] = CONNECTIONS,
) -> Iterator[Comparison]:
    """Yield a comparison for each route and number of connections."""
    for runner in runners.values():
        pin(process_tree(runner.server.pids[0]))
    with _databases_beside_servers():
        for route in routes:
            requests = {each: read_route(runners[each], route).requests for each in runners}
            for count in connections:
                measure_one = partial(_measure_one, runners, requests, count)
                for contestant in runners:
                    measure_one(min(WARM_UP_S, seconds), contestant)
                measure_long = partial(measure_one, seconds)
                results = measure_in_turns([*runners], measure_long, rounds=rounds)
                yield Comparison(route, count, results)


def _measure_one(
    runners: Mapping[Contestant, Runner],
    requests: Mapping[Contestant, Sequence[HttpRequest]],
    connections: int,
    seconds: float,
    contestant: Contestant,
) -> Figures:
    server = runners[contestant].server
    return measure(server, requests[contestant], seconds=seconds, connections=connections)


@contextmanager
def _databases_beside_servers() -> Iterator[None]:
    """Keep PostgreSQL and Redis on the other cores for the block."""

    def pin_services(cores: set[int]) -> None:
        for service in embedded_services().status():
            pin(process_tree(service.pid or 0), cores)

    servers, others = split_cores()
    pin_services(others)
    try:
        yield
    finally:
        pin_services(servers | others)


def measure(
    server: Servers, requests: Sequence[HttpRequest], *, seconds: float, connections: int
) -> Figures:
    """Send requests in turn to one server, while the others are idle.

    Raises:
        BadResponse: As `drive`.
    """
    [pid], [port] = server.pids, server.ports
    server.empty_log()
    before_s = cpu_seconds(pid)
    result = drive(port, requests, connections=connections, seconds=seconds)
    used_s = cpu_seconds(pid) - before_s
    return Figures(result.per_second, result.p99_ms, used_s / result.responses * 1_000_000)


class WrkResult(NamedTuple):
    """What the clients received."""

    per_second: float
    p99_ms: float
    responses: int


def drive(
    port: int, requests: Sequence[HttpRequest], *, connections: int, seconds: float
) -> WrkResult:
    """Send GET requests in turn on so many connections, from one thread beside the first core.

    Args:
        requests: All with the headers of the first.
        seconds: Rounded up, because wrk counts whole seconds; doubled until there is a response.

    Raises:
        BadResponse: wrk saw an error, or waited too long; it counts statuses from 400.
    """
    headers = [f"{name}: {value}" for name, value in requests[0].headers.items()]
    with tempfile.NamedTemporaryFile("w", suffix=".paths") as paths:
        paths.write("".join(f"{request.path}\n" for request in requests))
        paths.flush()
        output = subprocess.run(  # noqa: S603 - our own command line
            [
                *("wrk", "--threads", "1", "--connections", str(connections)),
                *("--duration", f"{math.ceil(seconds)}s", "--timeout", f"{TIMEOUT_S}s"),
                *("--script", str(SCRIPT), f"http://127.0.0.1:{port}", "--"),
                *(paths.name, f"Host: {HOST}", *headers),
            ],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            preexec_fn=lambda: os.sched_setaffinity(0, split_cores()[1]),
        ).stdout
    result = _RESULT.search(output)
    if result is None or int(result[4]):
        raise BadResponse(f"wrk saw errors: {output}")
    responses = int(result[1])
    if not responses:
        return drive(port, requests, connections=connections, seconds=2 * seconds)
    return WrkResult(responses / float(result[2]), float(result[3]), responses)
