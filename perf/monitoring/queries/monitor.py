"""Measures every request and every statement for `/metrics`."""

from __future__ import annotations

import logging
import sys
import threading
from collections import defaultdict
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path

from django.conf import settings
from prometheus_client import Counter, Histogram

from morpheus.django_internals.django_prometheus import count_statements
from morpheus.django_internals.prometheus_client import observe_many
from morpheus.tracing.request_trace import FinishedRequest, Statement
from perf.monitoring.queries.redundant import find_redundant_queries
from perf.monitoring.sql_text import NORMALIZED_COMMIT, normalize

logger = logging.getLogger(__name__)

request_seconds = Histogram(
    "morpheus_http_request_seconds",
    "Time from a request to its response, by route and status, response cache hits included.",
    ["route", "status"],
    buckets=settings.PROMETHEUS_LATENCY_BUCKETS,
)
request_queries = Histogram(
    "morpheus_http_request_queries",
    "Statements per request, by route.",
    ["route"],
    buckets=(0, 1, 2, 3, 5, 8, 13, 21, 50, 100, float("inf")),
)
query_seconds = Histogram(
    "morpheus_db_query_seconds",
    "Time of statements, by route (or command, or thread) and kind: simple, join, search, write, "
    "control, and commit.",
    ["route", "kind"],
    buckets=settings.PROMETHEUS_LATENCY_BUCKETS,
)
query_rows = Counter(
    "morpheus_db_query_rows_total", "Rows that statements returned or changed.", ["route", "kind"]
)
query_errors = Counter(
    "morpheus_db_query_errors_total",
    "Statements that failed, by route and kind.",
    ["route", "kind"],
)
wasted_queries = Counter(
    "morpheus_db_wasted_queries_total",
    "Redundant statements of requests, by route and kind: n_plus_one (a loop that one statement "
    "can replace), duplicate (the same read again, with no change in between).",
    ["route", "kind"],
)

# Looking up a child by its labels takes as long as using it.
_request_seconds = lru_cache(maxsize=None)(request_seconds.labels)
_request_queries = lru_cache(maxsize=None)(request_queries.labels)
_query_seconds = lru_cache(maxsize=None)(query_seconds.labels)
_query_rows = lru_cache(maxsize=None)(query_rows.labels)


def record_requests(requests: Sequence[FinishedRequest]) -> None:
    """Count requests, their statements and their redundant queries."""
    seconds: dict[tuple[str, int], list[float]] = defaultdict(list)
    queries: dict[str, list[int]] = defaultdict(list)
    statements: dict[tuple[str, str], list[Statement]] = defaultdict(list)
    for request in requests:
        seconds[request.route, request.status].append(request.seconds)
        if (trace := request.trace) is None:
            queries[request.route].append(0)
            continue
        queries[request.route].append(trace.queries)
        for statement in trace.statements:
            statements[request.route, normalize(statement).kind].append(statement)
        _count_redundant_queries(request.route, trace.statements)
    # Each metric once for the batch, because it has a lock and, in several processes, a file.
    for (route, status), durations in seconds.items():
        observe_many(_request_seconds(route, str(status)), durations)
    for route, numbers in queries.items():
        observe_many(_request_queries(route), numbers)
    for (route, kind), executed in statements.items():
        _record(executed, route, kind)


def record_statement(statement: Statement) -> None:
    """Count a statement outside of requests."""
    _record([statement], get_source(), normalize(statement).kind)


def _record(statements: Sequence[Statement], route: str, kind: str) -> None:
    observe_many(_query_seconds(route, kind), [statement.seconds for statement in statements])
    if rows := sum(statement.rows or 0 for statement in statements):
        _query_rows(route, kind).inc(rows)
    if failed := sum(statement.is_failed for statement in statements):
        query_errors.labels(route, kind).inc(failed)
    if kind != NORMALIZED_COMMIT.kind:
        count_statements(statements)


def _count_redundant_queries(route: str, statements: Sequence[Statement]) -> None:
    for redundant in find_redundant_queries(statements):
        wasted_queries.labels(route, redundant.kind).inc(redundant.avoidable)
        if settings.DEBUG:
            logger.warning("%s sends a statement %s", route, redundant)


def get_source() -> str:
    """Return the command or server thread that runs statements outside of requests."""
    return _command() or threading.current_thread().name.rstrip("0123456789-_ ") or "server"


@cache
def _command() -> str | None:
    if Path(sys.argv[0]).name == "manage.py" and len(sys.argv) > 1:
        return f"manage.py {sys.argv[1]}"
    return None
