"""Run the whole performance suite; the result is figures only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings
from django.core.cache import caches
from django.db import connection
from psycopg.conninfo import make_conninfo

from morpheus.db.roles import connected_as
from perf.lab.harness.databases import prepare_thumbnails
from perf.lab.harness.servers import Servers, measured_environment
from perf.lab.plans.costs import route_breaches
from perf.lab.plans.small_data import ROWS
from perf.lab.plans.statements import (
    ExplainedRequest,
    explain_operator_requests,
    explain_requests,
)
from perf.lab.suite.callers import create_callers
from perf.lab.suite.queries import time_queries
from perf.lab.suite.requests import COLD, WARM, time_routes
from perf.lab.suite.results import ResultLine, build_line
from perf.lab.suite.timing import slowdown
from perf.monitoring.budgets import budgets

# Counts are compared with budgets from the size of the data on that `make test` has.
MIN_NOVELS = ROWS["novels"]


@dataclass
class SuiteResult:
    """The figures of one run.

    Attributes:
        breaches: Of budgets that are counted, on this data.
        references: All times of the reference, in milliseconds.
        novels: Estimated number, which tells the scale.
    """

    lines: list[ResultLine]
    breaches: list[str]
    references: list[float]
    novels: int

    @property
    def slowdown(self) -> float:
        """How many times slower than an idle machine this one was, by the median."""
        return slowdown(self.references)


def run_suite(*, rounds: int) -> SuiteResult:
    """Measure everything on the data in the database; delete what the suite writes.

    Raises:
        CommandError: A server does not start, a response is an error, or there is no data.
    """
    prepare_thumbnails()
    # Dead rows would count until autovacuum removes them.
    with connected_as("owner"), connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
    explained = [*explain_requests(), *explain_operator_requests()]
    with create_callers() as callers:
        queries = time_queries(rounds=rounds)
        with serve(has_cache=False) as cold, serve(has_cache=True) as warm:
            ports = {COLD: cold.ports[0], WARM: warm.ports[0]}
            routes = time_routes(callers, ports, rounds=rounds)
    buffers = _buffers_by_name(explained)
    for measurement in routes:
        measurement.buffers = buffers.get(measurement.name.split(",")[0])
    references = [ms for measurement in routes for ms in measurement.references]
    lines = [build_line(measurement, references, budgets()) for measurement in routes]
    lines += [build_line(each, each.references, budgets()) for each in queries]
    novels = _estimate_novels()
    return SuiteResult(
        lines=lines,
        breaches=_count_breaches(explained, novels),
        references=[*references, *(ms for each in queries for ms in each.references)],
        novels=novels,
    )


@contextmanager
def serve(*, has_cache: bool) -> Iterator[Servers]:
    """Run a server with an empty cache on the database of this process."""
    for alias in settings.CACHES:
        caches[alias].clear()
    login = connection.settings_dict
    database_url = make_conninfo(
        host=login["HOST"],
        port=login["PORT"] or None,
        user=login["USER"],
        password=login["PASSWORD"] or None,
        dbname=login["NAME"],
    )
    environment = measured_environment(database_url, has_cache=has_cache)
    with Servers(1, environment=environment) as servers:
        yield servers


def _count_breaches(explained: Iterable[ExplainedRequest], novels: int) -> list[str]:
    # On fewer rows, a sequential scan is the right plan.
    if novels < MIN_NOVELS:
        return []
    return [text for request in explained for text in route_breaches(request)]


def _buffers_by_name(explained: Iterable[ExplainedRequest]) -> dict[str, int]:
    """Return the most buffers of each request, of all its callers."""
    buffers: dict[str, int] = {}
    for request in explained:
        name = request.sent.name
        buffers[name] = max(request.buffers, buffers.get(name, 0))
    return buffers


def _estimate_novels() -> int:
    """Return what VACUUM counted, past row level security."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples::bigint FROM pg_class WHERE relname = 'novels_novel'")
        [(novels,)] = cursor.fetchall()
    return int(novels)
