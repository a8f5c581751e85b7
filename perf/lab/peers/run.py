"""One run: start everybody, compare their answers, then measure each route by turns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from perf.lab.harness.pinning import pin
from perf.lab.offload.client import Connection
from perf.lab.offload.servers import CONSTANT, servers

from .contestants import CONTESTANTS, Place
from .limits import Limit, cache_limit, sql_limit
from .routes import Route
from .turns import WARM_UP_S, Figures, by_turns, measured, processes

CONNECTIONS = (16, 100)
ROUNDS = 5
SECONDS = 3.0


@dataclass(frozen=True)
class Comparison:
    """All rounds of everybody for one route and one number of connections, by name."""

    route: Route
    connections: int
    rounds: Mapping[str, Sequence[Figures]]
    limits: Sequence[Limit]


def compared(
    ports: Mapping[str, int],
    routes: Sequence[Route],
    place: Place,
    *,
    rounds: int,
    seconds: float,
    connections: Sequence[int] = CONNECTIONS,
) -> Iterator[Comparison]:
    """Yield a comparison for each route and number of connections."""
    with servers({}, count=1, application=CONSTANT) as [constant]:
        names = [*(one.name for one in CONTESTANTS), "constant"]
        for port in (*ports.values(), constant):
            pin(processes(port))
        for route in routes:
            # As many bytes as ours.
            size = len(Connection(ports["ours"]).exchange("GET", route.path, {}).body)
            targets = {name: (ports[name], route.path) for name in names[:-1]}
            targets["constant"] = (constant, f"/{size}")
            for count in connections:
                measure = partial(_measure, targets, connections=count)
                by_turns(names, partial(measure, seconds=min(WARM_UP_S, seconds)), rounds=1)
                found = by_turns(names, partial(measure, seconds=seconds), rounds=rounds)
                limits = [
                    sql_limit(place.database_url, route, seconds=seconds, connections=count),
                    cache_limit(place.redis_socket, size, connections=count),
                ]
                yield Comparison(route, count, found, limits)


def _measure(
    targets: Mapping[str, tuple[int, str]], name: str, *, connections: int, seconds: float
) -> Figures:
    port, path = targets[name]
    return measured(port, path, seconds=seconds, connections=connections)
