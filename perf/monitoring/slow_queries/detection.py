"""Detects slow statements among all that the server runs."""

from __future__ import annotations

from functools import cache

from django.conf import settings
from prometheus_client import Counter

from morpheus.tracing import FinishedRequest, Statement
from perf.monitoring.budgets import budgets
from perf.monitoring.queries.monitor import get_source, normalize
from perf.monitoring.slow_queries.recorder import slow_statement_queue

slow_queries = Counter(
    "morpheus_db_slow_queries_total",
    "Statements slower than the limit for all kinds (`slow_ms`), by route.",
    ["route"],
)
breaches = Counter(
    "morpheus_db_breaches_total",
    "Statements slower than the limit of their kind (`kinds_ms`), by route and kind.",
    ["route", "kind"],
)


def slow_ms() -> float:
    """Return the time from which a statement of any kind is recorded as slow."""
    return float(settings.MORPHEUS_SLOW_QUERY_MS or budgets().slow_ms)


def check_request(request: FinishedRequest) -> None:
    """Check the statements of a request."""
    if request.trace is None:
        return
    threshold_s = _threshold_s(slow_ms())
    for statement in request.trace.statements:
        if statement.seconds >= threshold_s:
            _check(statement, request.route, request.request_id)


def check_statement(statement: Statement) -> None:
    """Check a statement outside of requests."""
    if statement.seconds >= _threshold_s(slow_ms()):
        _check(statement, get_source(), "")


def _check(statement: Statement, route: str, request_id: str) -> None:
    ms = statement.seconds * 1000
    normalized = normalize(statement)
    if ms > budgets().kinds_ms.get(normalized.kind, float("inf")):
        breaches.labels(route, normalized.kind).inc()
    if ms >= slow_ms():
        slow_queries.labels(route).inc()
        # Without parameters, psycopg leaves a percent sign as it is.
        sql = statement.sql.replace("%", "%%") if statement.params is None else statement.sql
        slow_statement_queue().add(normalized, route, sql, request_id, ms)


@cache
def _threshold_s(slow_ms: float) -> float:
    """Return the lowest limit of all; faster statements need no check."""
    return min(slow_ms, *budgets().kinds_ms.values()) / 1000
