"""Takes what the kernel observed, and counts it."""

from __future__ import annotations

import logging
import sys
import threading
from functools import cache, lru_cache
from pathlib import Path

from django.conf import settings

from morpheus.tracing import FinishedRequest, RequestTrace, Statement
from morpheus.tracing.request_trace import COMMIT
from perf.monitoring.queries import metrics
from perf.monitoring.queries.waste import waste_of
from perf.monitoring.sql_text import NormalizedStatement, normalize_statement

logger = logging.getLogger(__name__)

NORMALIZED_COMMIT = NormalizedStatement("commit".ljust(16, "0"), COMMIT, "commit")


def answered(answer: FinishedRequest) -> None:
    """Count a request, its statements, and what of them was wasted."""
    _request_seconds(answer.route, str(answer.status)).observe(answer.seconds)
    trace = answer.trace or _NOTHING
    _request_queries(answer.route).observe(trace.queries)
    shapes = [shape(statement) for statement in trace.statements]
    for statement, its in zip(trace.statements, shapes, strict=True):
        _measure(statement, answer.route, its.kind)
    for waste in waste_of(trace.statements, shapes):
        metrics.wasted_queries.labels(answer.route, waste.kind).inc(waste.spared)
        if settings.DEBUG:
            logger.warning("%s sends a statement %s", answer.route, waste)


def ran(statement: Statement) -> None:
    """Count a statement outside of requests."""
    _measure(statement, actor(), shape(statement).kind)


def _measure(statement: Statement, route: str, kind: str) -> None:
    _query_seconds(route, kind).observe(statement.seconds)
    if statement.rows:
        _query_rows(route, kind).inc(statement.rows)
    if statement.is_failed:
        metrics.query_errors.labels(route, kind).inc()


def shape(statement: Statement) -> NormalizedStatement:
    """Return the statement's shape."""
    return NORMALIZED_COMMIT if statement.sql == COMMIT else normalize_statement(statement.sql)


def actor() -> str:
    """Return who runs statements outside of requests: a command, or a thread of the server."""
    return _command() or threading.current_thread().name.rstrip("0123456789-_ ") or "server"


@cache
def _command() -> str | None:
    if Path(sys.argv[0]).name == "manage.py" and len(sys.argv) > 1:
        return f"manage.py {sys.argv[1]}"
    return None


# Looking a child up by its labels takes as long as using it.
_request_seconds = lru_cache(maxsize=None)(metrics.request_seconds.labels)
_request_queries = lru_cache(maxsize=None)(metrics.request_queries.labels)
_query_seconds = lru_cache(maxsize=None)(metrics.query_seconds.labels)
_query_rows = lru_cache(maxsize=None)(metrics.query_rows.labels)

_NOTHING = RequestTrace()
