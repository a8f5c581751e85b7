"""The plan of a slow statement, taken without running it."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import psycopg

from perf.monitoring.queries.shapes import without_values
from perf.monitoring.slow_queries.rows import as_staff

# psycopg's placeholders, and what it takes for a percent sign.
_PLACEHOLDER = re.compile(r"%(?:%|[sbt]|\((\w+)\)[sbt])")
# What PostgreSQL can prepare.
_EXPLAINABLE = re.compile(r"[\s(]*(?:SELECT|WITH|VALUES|TABLE|INSERT|UPDATE|DELETE|MERGE)\b", re.I)

Taken = tuple[Any, str]


def take_plan(connection: psycopg.Connection, sql: str) -> Taken:
    """Return the plan for whatever values, without those in it, and why there is none.

    Prepared, not put behind EXPLAIN: PostgreSQL prepares one statement only, so that nothing behind
    a semicolon runs; and it makes the same generic plan in all versions. What a plan asks of the
    database is what planning does, within the patience of `as_staff`; it is never executed.
    """
    if not _EXPLAINABLE.match(sql):
        return None, "PostgreSQL has no plan for statements of this kind."
    taken: Taken
    with as_staff(connection):
        try:
            with connection.transaction(force_rollback=True):
                taken = _explained(connection, *numbered(sql)), ""
        except psycopg.errors.DatabaseError as error:
            # What it says may quote the statement.
            taken = None, f"PostgreSQL does not explain it: {type(error).__name__}."
        # It outlives its transaction; behind a pooler, this client too.
        with suppress(psycopg.errors.InvalidSqlStatementName), connection.transaction():
            connection.execute("DEALLOCATE morpheus_slow")
    return taken


def numbered(sql: str) -> tuple[str, int]:
    """Return the statement with `$1`, `$2` … as psycopg sends it, and how many there are."""
    names: dict[str, str] = {}

    def number(found: re.Match[str]) -> str:
        if found[0] == "%%":
            return "%"
        name = found[1] or f" {len(names)}"
        return names.setdefault(name, f"${len(names) + 1}")

    text = _PLACEHOLDER.sub(number, sql)
    return text, len(names)


def _explained(connection: psycopg.Connection, text: str, count: int) -> Any:
    connection.execute("SET LOCAL transaction_read_only = on")
    connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
    # In the protocol that takes one statement alone.
    with connection.cursor(binary=True) as cursor:
        cursor.execute(f"PREPARE morpheus_slow AS {text}".encode())
    values = f"({', '.join(['NULL'] * count)})" if count else ""
    explain = f"EXPLAIN (FORMAT JSON) EXECUTE morpheus_slow{values}"
    found = connection.execute(explain.encode()).fetchone()
    return _masked(found[0]) if found else None


def _masked(plan: Any) -> Any:
    """Return a plan whose conditions have `?` for each value."""
    if isinstance(plan, dict):
        return {name: _masked(value) for name, value in plan.items()}
    if isinstance(plan, list):
        return [_masked(value) for value in plan]
    return without_values(plan) if isinstance(plan, str) else plan
