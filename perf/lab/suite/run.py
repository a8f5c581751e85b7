"""The whole suite, from servers to a result that is only figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.cache import caches
from django.db import connection
from psycopg.conninfo import make_conninfo

from morpheus.db.roles import connected_as
from perf.lab.harness.databases import prepare_thumbnails
from perf.lab.harness.measurements import percentile
from perf.lab.harness.servers import Servers, measured_environment
from perf.lab.plans.costs import route_breaches
from perf.lab.plans.operators import operator_endpoints
from perf.lab.plans.statements import Endpoint, endpoints
from perf.lab.suite.depths import Depths, depths
from perf.lab.suite.lines import Line, query_line, route_line
from perf.lab.suite.memory import Peak, peaks
from perf.lab.suite.people import people
from perf.lab.suite.queries import query_times
from perf.lab.suite.routes import COLD, WARM, route_times
from perf.lab.suite.timing import slower
from perf.monitoring.budgets import budgets

Tell = Callable[[str], None]
# Depths are many; a page is asked for less often than a route.
DEPTH_ROUNDS_SHARE = 0.2


@dataclass
class Result:
    """What was found.

    Attributes:
        counted: Breaches of budgets that are counted, on these data.
        reference: All times of the reference, in milliseconds.
        rows: How many rows the tables have, by table.
    """

    lines: list[Line]
    counted: list[str]
    depths: list[Depths]
    memory: list[Peak]
    reference: list[float]
    rows: dict[str, int]
    rounds: int

    @property
    def slower(self) -> float:
        """How many times slower than a machine that is not busy this one was, by the median."""
        return slower(self.reference)

    def as_json(self) -> dict[str, Any]:
        return {
            "taken_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "rounds": self.rounds,
            "rows": self.rows,
            "slower": round(self.slower, 2),
            "reference_ms": {
                name: round(percentile(self.reference, share), 3)
                for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
            },
            "lines": [line.as_json() for line in self.lines],
            "depths": [
                {
                    "name": one.name,
                    "rows": one.rows,
                    "pages": {
                        str(share): {"p50": times.at(0.5), "ratio": times.ratio}
                        for share, times in one.times.items()
                    },
                }
                for one in self.depths
            ],
            "memory": [asdict(peak) for peak in self.memory],
        }


def measured(*, rounds: int, tell: Tell) -> Result:
    """Run everything on the data that are there; what it writes, it deletes.

    Raises:
        ServerFailed, AskFailed, RequestFailed: A server does not start, or an answer is an error.
    """
    prepare_thumbnails()
    tell("vacuum")
    # What others have deleted would be counted, until autovacuum comes by.
    with connected_as("owner"), connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
    said = budgets()
    tell("counting")
    counted = [*endpoints(), *operator_endpoints()]
    with people() as who:
        tell("statements")
        queries = query_times(rounds=rounds, tell=lambda name: tell(f"statements: {name}"))
        with _started() as ports:
            routes = route_times(
                who, ports, rounds=rounds, tell=lambda number: tell(f"routes: {number}/{rounds}")
            )
            tell("depths")
            deep = depths(ports[COLD], rounds=max(1, int(rounds * DEPTH_ROUNDS_SHARE)))
        tell("memory")
        with _started() as ports:
            memory = peaks(ports[WARM], who)
    buffers = _buffers(counted)
    met = [ms for one in routes for ms in one.times.references]
    lines = [route_line(one, met, said, buffers.get(one.name.split(",")[0])) for one in routes]
    lines += [query_line(one, said) for one in queries]
    return Result(
        lines=lines,
        counted=[text for one in counted for text in route_breaches(one)],
        depths=deep,
        memory=memory,
        reference=[*met, *(ms for one in queries for ms in one.times.references)],
        rows=_rows(),
        rounds=rounds,
    )


@contextmanager
def _started() -> Iterator[dict[str, int]]:
    """Run a server without a cache and one with an empty one; yield their ports."""
    for alias in settings.CACHES:
        caches[alias].clear()
    login = connection.settings_dict
    url = make_conninfo(
        host=login["HOST"],
        port=login["PORT"] or None,
        user=login["USER"],
        password=login["PASSWORD"] or None,
        dbname=login["NAME"],
    )

    def make_server(*, has_cache: bool) -> Servers:
        environment = measured_environment(url, has_cache=has_cache)
        unlimited = {"MORPHEUS_THROTTLE_REGISTER_PER_HOUR": "1000000000"}
        return Servers(1, environment=environment | unlimited)

    with make_server(has_cache=False) as cold_server, make_server(has_cache=True) as warm_server:
        [cold], [warm] = cold_server.ports, warm_server.ports
        yield {COLD: cold, WARM: warm}


def _buffers(counted: Iterable[Endpoint]) -> dict[str, int]:
    """Return the most buffers of each request, whoever asks."""
    found: dict[str, int] = {}
    for one in counted:
        name = one.ask.endpoint + one.ask.query
        buffers = sum(each.plan.buffers for each in one.statements if each.is_read)
        found[name] = max(buffers, found.get(name, 0))
    return found


def _rows() -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, reltuples::bigint FROM pg_class "
            "WHERE relname = ANY(%s) ORDER BY relname",
            [["novels_novel", "novels_chapter", "comics_comic", "comics_panel", "users_user"]],
        )
        return {table: max(rows, 0) for table, rows in cursor.fetchall()}
