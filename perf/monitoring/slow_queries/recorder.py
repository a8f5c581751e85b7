"""Detects slow statements, and records them: a row with the plan, and a log line."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cache
from typing import Any

import psycopg
from django.conf import settings
from prometheus_client import Counter

from morpheus.http.log_format import log_event
from morpheus.tracing.request_trace import FinishedRequest, Statement
from perf.monitoring.budgets import budgets
from perf.monitoring.explain import explain_generic
from perf.monitoring.queries.monitor import get_source, normalize
from perf.monitoring.slow_queries import storage
from perf.monitoring.slow_queries.queue import SlowStatement, SlowStatementQueue, dropped
from perf.monitoring.sql_text import has_plan, number_placeholders

logger = logging.getLogger(__name__)

# Commands that build and fill tables: their long statements are not queries of the service.
BUILDING_COMMANDS = frozenset({"manage.py prepare", "manage.py migrate", "manage.py seed"})
# Plans per batch; the others are taken when their statements are slow again.
MAX_PLANS = 5
# The log has the beginning of a statement; the row has the whole text.
MAX_LOGGED_CHARS = 500

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


def check_requests(requests: Sequence[FinishedRequest]) -> None:
    """Check the statements of requests."""
    threshold_s = _threshold_s(slow_ms())
    for request in requests:
        for statement in request.trace.statements if request.trace else ():
            if statement.seconds >= threshold_s:
                _check(statement, request.route, request.request_id)


def check_statement(statement: Statement) -> None:
    """Check a statement outside of requests."""
    if statement.seconds >= _threshold_s(slow_ms()):
        source = get_source()
        if source not in BUILDING_COMMANDS:
            _check(statement, source, "")


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


def record(batch: list[SlowStatement]) -> None:
    """Write and log slow statements; without a database, only log and count them."""
    is_written = False
    try:
        with storage.connect() as connection:
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


@cache
def slow_statement_queue() -> SlowStatementQueue:
    """Return the queue of this process."""
    return SlowStatementQueue(record)


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
    )
