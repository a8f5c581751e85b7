"""Takes what the kernel observed, and picks out what was slow."""

from __future__ import annotations

from functools import cache

from django.conf import settings

from morpheus.tracing import FinishedRequest, Statement
from perf.monitoring.budgets import budgets
from perf.monitoring.queries.watching import actor, shape
from perf.monitoring.slow_queries import metrics
from perf.monitoring.slow_queries.recording import gathering


def slow_ms() -> float:
    """Return from where on a statement of any kind is recorded."""
    return float(settings.MORPHEUS_SLOW_QUERY_MS or budgets().slow_ms)


def answered(answer: FinishedRequest) -> None:
    """Pick out a request's slow statements."""
    if answer.trace is None:
        return
    floor_s = _floor_s(slow_ms())
    for statement in answer.trace.statements:
        if statement.seconds >= floor_s:
            judge(statement, answer.route, answer.request_id)


def ran(statement: Statement) -> None:
    """Judge a statement outside of requests."""
    if statement.seconds >= _floor_s(slow_ms()):
        judge(statement, actor(), "")


def judge(statement: Statement, route: str, request_id: str) -> None:
    """Count a statement that may have taken too long, and have it recorded if it is slow."""
    ms = statement.seconds * 1000
    its_shape = shape(statement)
    if ms > budgets().kinds_ms.get(its_shape.kind, float("inf")):
        metrics.breaches.labels(route, its_shape.kind).inc()
    if ms >= slow_ms():
        metrics.slow_queries.labels(route).inc()
        # Without parameters psycopg takes a percent sign for what it is.
        sql = statement.sql.replace("%", "%%") if statement.params is None else statement.sql
        gathering().add(its_shape, route, sql, request_id, ms)


@cache
def _floor_s(slow_ms: float) -> float:
    """Return what the quickest statement takes that is of interest."""
    return min(slow_ms, *budgets().kinds_ms.values()) / 1000
