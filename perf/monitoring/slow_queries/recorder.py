"""Detects slow statements, and records them: a row with the plan, and a log line."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cache
from typing import Any

import psycopg
from django.conf import settings
from prometheus_client import Counter

from morpheus.cache import outbox
from morpheus.http.log_format import describe_parent, log_event
from morpheus.tracing.background import BackgroundQueue
from morpheus.tracing.request_trace import FinishedRequest, Statement
from morpheus.tracing.routes import TraceParent
from perf.monitoring.budgets import budgets
from perf.monitoring.explain import explain_generic
from perf.monitoring.queries.monitor import get_source
from perf.monitoring.slow_queries import storage
from perf.monitoring.slow_queries.storage import SlowStatement
from perf.monitoring.sql_text import has_plan, normalize, number_placeholders

logger = logging.getLogger(__name__)

# Commands that build and fill tables: their long statements are not queries of the service.
BUILDING_COMMANDS = frozenset({"manage.py prepare", "manage.py migrate", "manage.py seed"})
# Statements are grouped for this long: a thousand a second become two writes.
BATCH_S = 0.5
# Executions of one batch, and their statements and routes; further ones are counted as dropped.
MAX_EXECUTIONS = 10_000
MAX_STATEMENTS = 200
# Plans per batch; the others are taken when their statements are slow again.
MAX_PLANS = 5
# The log has the beginning of a statement; the row has the whole text.
MAX_LOGGED_CHARS = 500

slow_queries = Counter(
    "morpheus_db_slow_queries_total",
    "Statements slower than the limit for all kinds (`slow_ms`), by route.",
    ["route"],
)
dropped = Counter(
    "morpheus_db_slow_queries_dropped_total",
    "Slow statements without a row: too many at once, or the database was unavailable.",
)
breaches = Counter(
    "morpheus_db_breaches_total",
    "Statements slower than the limit of their kind (`kinds_ms`), by route and kind.",
    ["route", "kind"],
)


def slow_ms() -> float:
    """Return the time from which a statement of any kind is recorded as slow."""
    return float(settings.MORPHEUS_SLOW_QUERY_MS or budgets().slow_ms)


def check_requests(requests: Sequence[FinishedRequest]) -> None:
    """Check the statements of requests."""
    threshold_s = _threshold_s(slow_ms())
    for request in requests:
        for statement in request.trace.statements if request.trace else ():
            if statement.seconds >= threshold_s:
                _check(statement, request.route, request.request_id, request.parent)


def check_statement(statement: Statement) -> None:
    """Check a statement outside of requests."""
    if statement.seconds >= _threshold_s(slow_ms()):
        source = get_source()
        if source not in BUILDING_COMMANDS:
            _check(statement, source, "", None)


def _check(statement: Statement, route: str, request_id: str, parent: TraceParent | None) -> None:
    ms = statement.seconds * 1000
    normalized = normalize(statement)
    if ms > budgets().kinds_ms.get(normalized.kind, float("inf")):
        breaches.labels(route, normalized.kind).inc()
    if ms >= slow_ms():
        slow_queries.labels(route).inc()
        # Without parameters, psycopg leaves a percent sign as it is.
        sql = statement.sql.replace("%", "%%") if statement.params is None else statement.sql
        slow_statement_queue().add(
            SlowStatement(normalized, route, sql, request_id, ms, ms, parent=parent)
        )


@cache
def _threshold_s(slow_ms: float) -> float:
    """Return the lowest limit of all; faster statements need no check."""
    return min(slow_ms, *budgets().kinds_ms.values()) / 1000


@cache
def slow_statement_queue() -> BackgroundQueue[SlowStatement]:
    """Return the queue of this process, whose thread records, so that no caller waits."""
    queue = BackgroundQueue(
        "slow-queries", record, dropped.inc, max_waiting=MAX_EXECUTIONS, interval_s=BATCH_S
    )
    queue.start()
    return queue


def record(executions: list[SlowStatement]) -> None:
    """Write and log slow statements; without a database, only log and count them."""
    batch = group_executions(executions)
    is_written = False
    try:
        with outbox.connect("morpheus slow queries") as connection:
            without_plan = storage.write(connection, batch)
            is_written = True
            sql = {statement.normalized.fingerprint: statement.sql for statement in batch}
            _explain(connection, sql, without_plan)
    except psycopg.Error as error:
        if not is_written:
            dropped.inc(sum(statement.count for statement in batch))
        logger.warning("Slow statements could not be written: %s", type(error).__name__)
    finally:
        # Last, because the handler of mails may wait for its server.
        for statement in batch:
            _log(statement)


def group_executions(executions: list[SlowStatement]) -> list[SlowStatement]:
    """Add up the executions of each statement on each route."""
    groups: dict[tuple[str, str], SlowStatement] = {}
    for execution in executions:
        key = execution.normalized.fingerprint, execution.route
        if group := groups.get(key):
            group.count += 1
            group.last_ms = execution.last_ms
            group.worst_ms = max(group.worst_ms, execution.last_ms)
            group.request_id = execution.request_id
            group.parent = execution.parent
        elif len(groups) < MAX_STATEMENTS:
            groups[key] = execution
        else:
            dropped.inc()
    return [*groups.values()]


def take_plan(connection: psycopg.Connection, sql: str) -> tuple[Any, str]:
    """Return the generic plan as masked JSON, or None and the reason why there is no plan."""
    if not has_plan(sql):
        return None, "PostgreSQL has no plan for statements of this kind."
    with storage.staff_transaction(connection):
        try:
            plan = explain_generic(connection, number_placeholders(sql))
        except psycopg.errors.DatabaseError as error:
            # The error's text may quote the statement.
            return None, f"PostgreSQL does not explain it: {type(error).__name__}."
    return [plan.masked().document], ""


def _explain(connection: psycopg.Connection, sql: dict[str, str], without_plan: set[str]) -> None:
    for fingerprint in sorted(without_plan)[:MAX_PLANS]:
        if storage.claim_plan(connection, fingerprint):
            plan, note = take_plan(connection, sql[fingerprint])
            storage.write_plan(connection, fingerprint, plan, note)


def _log(statement: SlowStatement) -> None:
    log_event(
        logger,
        logging.WARNING,
        "slow_query",
        statement.request_id,
        route=statement.route,
        kind=statement.normalized.kind,
        ms=round(statement.worst_ms, 1),
        count=statement.count,
        fingerprint=statement.normalized.fingerprint,
        statement=statement.normalized.text[:MAX_LOGGED_CHARS],
        **describe_parent(statement.parent),
    )
