"""Measures each route of all contestants in turns, all servers on one core."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import partial
from statistics import median

from perf.lab.example_requests import HttpRequest
from perf.lab.harness.http_client import Connection
from perf.lab.harness.load_driver import drive
from perf.lab.harness.measurements import (
    cpu_seconds,
    measure_in_turns,
    percentile,
    pin,
    process_tree,
)
from perf.lab.harness.servers import Servers

from .contestants import CONSTANT, CONTESTANTS, OURS, Backends, running_constant
from .limits import Limit, measure_cache_limit, measure_sql_limit
from .routes import Route

CONNECTIONS = (16, 100)
ROUNDS = 5
SECONDS = 3.0
# Before the first round: statements get prepared, caches fill.
WARM_UP_S = 1.0


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
    limits: Sequence[Limit]

    def medians(self, name: str) -> Figures:
        """Return the median of each figure of a contestant."""
        columns = zip(*map(astuple, self.rounds[name]), strict=True)
        return Figures(*(median(values) for values in columns))


def compare(
    servers: Mapping[str, Servers],
    routes: Sequence[Route],
    backends: Backends,
    *,
    rounds: int,
    seconds: float,
    connections: Sequence[int] = CONNECTIONS,
) -> Iterator[Comparison]:
    """Yield a comparison for each route and number of connections."""
    names = [contestant.name for contestant in (*CONTESTANTS, CONSTANT)]
    with running_constant() as constant:
        everyone = {**servers, CONSTANT.name: constant}
        for server in everyone.values():
            pin(process_tree(server.pids[0]))
        for route in routes:
            size = len(Connection(servers[OURS.name].ports[0]).exchange(route.request).body)
            requests = dict.fromkeys(names, route.request)
            requests[CONSTANT.name] = HttpRequest("GET", f"/{size}")
            for count in connections:
                measure_one = partial(_measure_one, everyone, requests, count)
                warm_up = partial(measure_one, min(WARM_UP_S, seconds))
                measure_in_turns(names, warm_up, rounds=1)
                results = measure_in_turns(names, partial(measure_one, seconds), rounds=rounds)
                sql = measure_sql_limit(
                    backends.database_url, route, seconds=seconds, connections=count
                )
                cache = measure_cache_limit(backends.redis_socket, size, connections=count)
                yield Comparison(route, count, results, [sql, cache])


def _measure_one(
    servers: Mapping[str, Servers],
    requests: Mapping[str, HttpRequest],
    connections: int,
    seconds: float,
    name: str,
) -> Figures:
    return measure(servers[name], requests[name], seconds=seconds, connections=connections)


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
