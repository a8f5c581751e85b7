"""Takes the plans of a finished request's statements, without executing them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from django.db import DatabaseError, connection, connections, transaction

from morpheus.db.transactions import write_transaction
from morpheus.tracing.request_trace import Statement
from perf.monitoring.explain import explain
from perf.monitoring.sql_text import has_plan, normalize
from perf.monitoring.statistics.limited_queries import LIMITS

# Planning is work too; further statements have no plan.
MAX_PLANS = 20
# Planning takes less than a ms, unless the server is in trouble or a table is being altered.
STATEMENT_TIMEOUT_MS = 250
LOCK_TIMEOUT_MS = 50


@dataclass(frozen=True, slots=True)
class TracedPlan:
    """A masked plan as EXPLAIN's JSON, or the reason why there is no plan."""

    tree: dict[str, Any] | None = None
    no_plan_reason: str = ""


_TOO_MANY = TracedPlan(
    no_plan_reason=f"The request has more than {MAX_PLANS} different statements."
)


def take_plans(
    statements: Sequence[Statement], user_id: int | None, *, is_staff: bool
) -> dict[str, TracedPlan]:
    """Return one plan for each fingerprint, with the caller's identity, rolled back.

    Takes a connection of the pool, unless requests wait for one.
    """
    explainable: dict[str, Statement] = {}
    for statement in statements:
        its = normalize(statement)
        if its.kind != "control" and has_plan(statement.sql):
            explainable.setdefault(its.fingerprint, statement)
    if not explainable:
        return {}
    if _is_pool_busy():
        busy = TracedPlan(no_plan_reason="All connections were in use.")
        return dict.fromkeys(explainable, busy)
    try:
        with transaction.atomic():
            with (
                write_transaction(as_user=user_id, as_staff=is_staff),
                connection.cursor() as cursor,
            ):
                cursor.execute(LIMITS, [str(STATEMENT_TIMEOUT_MS), str(LOCK_TIMEOUT_MS)])
                plans = {
                    fingerprint: _take_plan(statement) if number < MAX_PLANS else _TOO_MANY
                    for number, (fingerprint, statement) in enumerate(explainable.items())
                }
            transaction.set_rollback(True)
    except DatabaseError as error:
        return dict.fromkeys(explainable, _describe_refusal(error))
    finally:
        connections.close_all()
    return plans


def _take_plan(statement: Statement) -> TracedPlan:
    params = next(iter(statement.params), None) if statement.is_many else statement.params
    try:
        with transaction.atomic(), connection.wrap_database_errors:
            plan = explain(connection.connection, statement.sql, params)
    except DatabaseError as error:
        return _describe_refusal(error)
    return TracedPlan(plan.masked().tree)


def _describe_refusal(error: DatabaseError) -> TracedPlan:
    """Return the kind of error as the reason: the error's text may contain values."""
    state = getattr(error.__cause__, "sqlstate", None)
    name = psycopg.errors.lookup(state).__name__ if state else type(error).__name__
    return TracedPlan(no_plan_reason=f"PostgreSQL does not explain it: {name}.")


def _is_pool_busy() -> bool:
    pool = connection.pool  # type: ignore[attr-defined]
    if pool is None:
        return False
    stats = pool.get_stats()
    is_full = stats["pool_available"] == 0 and stats["pool_size"] >= stats["pool_max"]
    return bool(is_full or stats.get("requests_waiting"))
