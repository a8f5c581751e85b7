"""How PostgreSQL would run the statements of a request that was answered, without running them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from django.db import DatabaseError, connection, connections, transaction

from morpheus.db.transactions import write_transaction
from morpheus.tracing import Statement
from perf.monitoring.explain import explain
from perf.monitoring.request_traces.verdict import Seen

# Of more shapes, no plan: planning is work, too.
MAX_PLANS = 20
# Planning takes less than a ms, unless the server is in trouble or a table is being changed.
STATEMENT_TIMEOUT_MS = 250
LOCK_TIMEOUT_MS = 50

_EXPLAINABLE = ("SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "MERGE")
_LIMITS = "SELECT set_config('statement_timeout', %s, true), set_config('lock_timeout', %s, true)"


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan as EXPLAIN (FORMAT JSON) tells it, with `?` for each value; or why there is none."""

    tree: dict[str, Any] | None = None
    obstacle: str = ""


def plans_of(seen: Sequence[Seen], user_id: int | None, *, is_staff: bool) -> dict[str, Plan]:
    """Return the plan of each shape among the statements, by its fingerprint.

    As the serving role with the identity of who asked, rolled back, each within
    `STATEMENT_TIMEOUT_MS`. Takes a connection of the pool, unless requests wait for one.
    """
    wanted: dict[str, Statement] = {}
    for each in seen:
        if each.shape.kind != "control" and each.statement.sql.lstrip().startswith(_EXPLAINABLE):
            wanted.setdefault(each.shape.fingerprint, each.statement)
    if not wanted:
        return {}
    if _is_pool_busy():
        return dict.fromkeys(wanted, Plan(obstacle="All connections were in use."))
    try:
        with transaction.atomic():
            with (
                write_transaction(as_user=user_id, as_staff=is_staff),
                connection.cursor() as cursor,
            ):
                cursor.execute(_LIMITS, [str(STATEMENT_TIMEOUT_MS), str(LOCK_TIMEOUT_MS)])
                found = {
                    fingerprint: _plan(statement) if at < MAX_PLANS else _TOO_MANY
                    for at, (fingerprint, statement) in enumerate(wanted.items())
                }
            transaction.set_rollback(True)
    except DatabaseError as error:
        return dict.fromkeys(wanted, Plan(obstacle=_said(error)))
    finally:
        connections.close_all()
    return found


_TOO_MANY = Plan(obstacle=f"It has more than {MAX_PLANS} different statements.")


def _plan(statement: Statement) -> Plan:
    params = statement.params
    if statement.is_many:
        params = next(iter(params), None)
    try:
        with transaction.atomic(), connection.wrap_database_errors:
            plan = explain(connection.connection, statement.sql, params)
    except DatabaseError as error:
        return Plan(obstacle=_said(error))
    return Plan(tree=plan.masked().tree)


def _said(error: DatabaseError) -> str:
    """Return the kind of error: its text may hold values."""
    state = getattr(error.__cause__, "sqlstate", None)
    known = state and psycopg.errors.lookup(state).__name__
    return f"PostgreSQL would not explain it: {known or type(error).__name__}."


def _is_pool_busy() -> bool:
    pool = connection.pool  # type: ignore[attr-defined]
    if pool is None:
        return False
    stats = pool.get_stats()
    is_full = stats["pool_available"] == 0 and stats["pool_size"] >= stats["pool_max"]
    return bool(is_full or stats.get("requests_waiting"))
