"""Measures each route of all contestants in turns, all servers on one core."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import astuple, dataclass
from statistics import median

from perf.lab.example_requests import HttpRequest
from perf.lab.harness.http_client import Connection
from perf.lab.harness.load_driver import drive
from perf.lab.harness.measurements import (
    cpu_seconds,
    measure_in_turns,
    median_ratio,
    percentile,
    pin,
    process_tree,
)
from perf.lab.harness.servers import Servers
from perf.lab.harness.tables import Table

from .contestants import (
    CACHALOT,
    CONSTANT,
    CONTESTANTS,
    DONE_WELL,
    NATURAL,
    NATURAL_KEPT,
    OURS,
    OURS_WARM,
    running_constant,
)
from .routes import Route

CONNECTIONS = (16, 100)
ROUNDS = 5
SECONDS = 3.0
# Before the first round: statements get prepared, caches fill.
WARM_UP_S = 1.0
# A contestant of ours and the one that it is compared with.
PAIRS = (
    (OURS, DONE_WELL),
    (OURS, NATURAL),
    (OURS, NATURAL_KEPT),
    (OURS_WARM, CACHALOT),
    (OURS_WARM, CONSTANT),
)


@dataclass(frozen=True)
class Figures:
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
    rounds: Mapping[str, Sequence[Figures]]

    def medians(self, name: str) -> Figures:
        """Return the median of each figure of a contestant."""
        columns = zip(*map(astuple, self.rounds[name]), strict=True)
        return Figures(*(median(values) for values in columns))

    def format(self) -> Iterator[str]:
        """Yield the lines of a table, and a line for each pair."""
        title = f"{self.route.name}, {self.connections} connections"
        table = Table([title, "requests/s", "p99 ms", "CPU µs"], first_width=30)
        yield from ("", table.heading)
        for contestant in (*CONTESTANTS, CONSTANT):
            figures = self.medians(contestant.name)
            cells = (f"{figures.per_second:,.0f}", f"{figures.p99_ms:,.1f}")
            yield table.row(contestant.title, *cells, f"{figures.cpu_us:,.0f}")
        for ours, theirs in PAIRS:
            us, them = self.rounds[ours.name], self.rounds[theirs.name]
            responses = median_ratio([f.per_second for f in us], [f.per_second for f in them])
            cpu = median_ratio([f.cpu_us for f in them], [f.cpu_us for f in us])
            yield (
                f"  {ours.title} ÷ {theirs.title}: {responses:.2f} × requests/s, "
                f"{cpu:.2f} × responses per CPU second"
            )


def compare(
    servers: Mapping[str, Servers],
    routes: Sequence[Route],
    *,
    rounds: int,
    seconds: float,
    connections: Sequence[int] = CONNECTIONS,
) -> Iterator[Comparison]:
    """Yield a comparison for each route and number of connections."""
    with running_constant() as constant:
        everyone = {**servers, CONSTANT.name: constant}
        for server in everyone.values():
            pin(process_tree(server.pids[0]))
        for route in routes:
            for count in connections:
                yield _compare_route(everyone, route, rounds, seconds, count)


def _compare_route(
    servers: Mapping[str, Servers], route: Route, rounds: int, seconds: float, connections: int
) -> Comparison:
    with closing(Connection(servers[OURS.name].ports[0])) as connection:
        size = len(connection.exchange(route.request).body)
    requests = dict.fromkeys(servers, route.request)
    requests[CONSTANT.name] = HttpRequest("GET", f"/{size}")

    def measure_one(name: str, lasting_s: float = seconds) -> Figures:
        return measure(servers[name], requests[name], seconds=lasting_s, connections=connections)

    for name in servers:
        measure_one(name, min(WARM_UP_S, seconds))
    results = measure_in_turns([*servers], measure_one, rounds=rounds)
    return Comparison(route, connections, results)


def measure(server: Servers, request: HttpRequest, *, seconds: float, connections: int) -> Figures:
    """Send one request over and over to one server, while the others are idle.

    Raises:
        BadResponse, OSError: As `drive`.
    """
    [pid] = server.pids
    before_s = cpu_seconds(pid)
    result = drive(server.ports[0], request, connections=connections, seconds=seconds)
    used_s = cpu_seconds(pid) - before_s
    p99_ms = percentile(result.ms, 0.99)
    return Figures(result.per_second, p99_ms, used_s / result.responses * 1_000_000)
