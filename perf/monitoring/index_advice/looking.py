"""A statement's plan as it is, and without any index: what is read, and what is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection

from morpheus.db.transactions import write_transaction
from morpheus.embedded.roles import APP, LOADER
from perf.lab.plans.capture import Statement
from perf.lab.plans.explain import prepared
from perf.monitoring.index_advice.session import acting_as_role

_EXECUTED = "ANALYZE, BUFFERS, VERBOSE, TIMING OFF, SUMMARY OFF, FORMAT JSON"
_PLANNED = "VERBOSE, COSTS OFF, FORMAT JSON"

# Without these, a plan names every condition and every ordering of the statement itself: an index
# in use would hide those that it serves.
_BARE = {
    "enable_indexscan": "off",
    "enable_indexonlyscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_material": "off",
    "enable_memoize": "off",
    "max_parallel_workers_per_gather": "0",
    # A plan that is kept would not be made anew.
    "plan_cache_mode": "force_custom_plan",
}

_FUNCTION = """
SELECT p.oid::regprocedure::text, coalesce(p.proconfig, '{}')
FROM pg_proc p
JOIN pg_language l ON l.oid = p.prolang
WHERE l.lanname = 'sql' AND p.prosecdef AND p.provolatile <> 'v'
    AND p.proowner = %s::regrole AND p.proname = %s
"""


@dataclass(frozen=True, slots=True)
class Look:
    """Both plans, as EXPLAIN's JSON has them."""

    executed: dict[str, Any]
    bare: dict[str, Any]


def looks(cursor: Any, statement: Statement, user_id: int | None) -> Iterator[Look]:
    """Yield the look at a statement as the serving role, then into the functions that it calls."""
    with acting_as_role(cursor, APP):
        look = _look(statement, user_id)
    yield look
    for name in {node["Function Name"] for node in nodes(look.executed) if "Function Name" in node}:
        yield from _inside(cursor, name, statement, user_id)


def _inside(cursor: Any, name: str, statement: Statement, user_id: int | None) -> Iterator[Look]:
    """Look into a function that looks past row level security, as whom it belongs to.

    PostgreSQL plans a function's body together with the statement once it is no longer run as
    somebody else. It is, outside of this transaction; nobody waits for it.
    """
    cursor.execute(_FUNCTION, [LOADER, name])
    for signature, options in cursor.fetchall():
        with acting_as_role(cursor, LOADER):
            cursor.execute(f"ALTER FUNCTION {signature} SECURITY INVOKER")
            cursor.execute(f"ALTER FUNCTION {signature} RESET ALL")
            for option in options:
                key, value = option.split("=", 1)
                cursor.execute("SELECT set_config(%s, %s, true)", [key, value])
            yield _look(statement, user_id)


def _look(statement: Statement, user_id: int | None) -> Look:
    with write_transaction(as_user=user_id), connection.cursor() as cursor:
        execute = prepared(cursor, statement)
        executed = _explained(cursor, _EXECUTED, execute)
        before = {name: _setting(cursor, name) for name in _BARE}
        _set(cursor, _BARE)
        bare = _explained(cursor, _PLANNED, execute)
        _set(cursor, before)
    return Look(executed, bare)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the nodes of a plan, depth first."""
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def _explained(cursor: Any, options: str, execute: str) -> dict[str, Any]:
    cursor.execute(f"EXPLAIN ({options}) {execute}")
    (answer,) = cursor.fetchone()
    found: dict[str, Any] = (json.loads(answer) if isinstance(answer, str) else answer)[0]["Plan"]
    return found


def _setting(cursor: Any, name: str) -> str:
    cursor.execute("SELECT current_setting(%s)", [name])
    return str(cursor.fetchone()[0])


def _set(cursor: Any, settings: dict[str, str]) -> None:
    for name, value in settings.items():
        cursor.execute("SELECT set_config(%s, %s, true)", [name, value])
