"""Takes what the kernel observed, and counts it."""

from __future__ import annotations

import sys
import threading
from functools import cache, lru_cache
from pathlib import Path

from morpheus.observing import Answer, Ledger, Statement
from morpheus.observing.ledger import COMMIT
from perf.monitor import metrics
from perf.monitor.shapes import Shape, shape_of

COMMIT_SHAPE = Shape("commit".ljust(16, "0"), COMMIT, "commit")


def answered(answer: Answer) -> None:
    """Count a request and its statements."""
    _request_seconds(answer.route, str(answer.status)).observe(answer.seconds)
    ledger = answer.ledger or _NOTHING
    _request_queries(answer.route).observe(ledger.queries)
    for statement in ledger.statements:
        measure(statement, answer.route)


def ran(statement: Statement) -> None:
    """Count a statement outside of requests."""
    measure(statement, actor())


def measure(statement: Statement, route: str) -> None:
    """Count one statement of a route, command or thread."""
    kind = shape(statement).kind
    _query_seconds(route, kind).observe(statement.seconds)
    if statement.rows:
        metrics.query_rows.labels(route, kind).inc(statement.rows)
    if statement.is_failed:
        metrics.query_errors.labels(route, kind).inc()


def shape(statement: Statement) -> Shape:
    """Return the statement's shape."""
    return COMMIT_SHAPE if statement.sql == COMMIT else shape_of(statement.sql)


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

_NOTHING = Ledger()
