"""The plan of a statement as a server gets it: prepared, and executed before."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.db import connection
from psycopg import sql

from morpheus.db.transactions import write_transaction
from perf.lab.plans.capture import Statement
from perf.monitoring import explain
from perf.monitoring.explain import Plan
from perf.monitoring.sql_text import number_placeholders

# PostgreSQL compares a generic plan with the custom ones from the sixth execution on.
EXECUTIONS = 7


def explain_as(user_id: int | None, statement: Statement) -> Plan:
    """Return the executed plan of a read, as `explain_read`, with a user's identity."""
    with write_transaction(as_user=user_id):
        return explain_read(statement)


def explain_read(statement: Statement) -> Plan:
    """Return the executed plan of a read, after it was prepared and executed.

    The identity is that of the caller's transaction.
    """
    return explain.explain(connection.connection, _prepare(statement), analyze=True)


def explain_write(statement: Statement, *, generic: bool) -> Plan:
    """Return the planner's choice for a statement that changes rows, without executing it."""
    if generic:
        return explain.explain_generic(connection.connection, number_placeholders(statement.sql))
    return explain.explain(connection.connection, statement.sql, statement.params)


def _prepare(statement: Statement) -> str:
    """Have psycopg prepare and execute the statement; return the EXECUTE that repeats it."""
    raw = connection.connection
    names, values = _number(statement)
    # Without parameters, Django sends a % as it is.
    text = statement.sql % names if statement.params else statement.sql
    threshold = raw.prepare_threshold
    raw.prepare_threshold = 0
    with connection.cursor() as cursor:
        before = dict(_prepared_statements(cursor, text))
        try:
            for _ in range(EXECUTIONS):
                cursor.execute(statement.sql, statement.params)
                cursor.fetchall()
        finally:
            raw.prepare_threshold = threshold
        # One text is several prepared statements, one per combination of parameter types.
        ((name, types),) = (
            key
            for key, executions in _prepared_statements(cursor, text)
            if executions != before.get(key, 0)
        )
    arguments = ", ".join(
        f"{sql.Literal(value).as_string(raw)}::{type_name}"
        for value, type_name in zip(values, types, strict=True)
    )
    return f"EXECUTE {name}({arguments})" if arguments else f"EXECUTE {name}"


def _prepared_statements(
    cursor: Any, text: str
) -> Iterator[tuple[tuple[str, tuple[str, ...]], int]]:
    """Yield name, parameter types and executions of each prepared statement of this text."""
    cursor.execute(
        "SELECT name, parameter_types::text[], generic_plans + custom_plans "
        "FROM pg_prepared_statements WHERE statement = %s",
        [text],
    )
    for name, types, executions in cursor.fetchall():
        yield (name, tuple(types)), executions


def _number(statement: Statement) -> tuple[Any, list[Any]]:
    """Return `$1`, `$2` … in the shape of the parameters, and the parameters in this order."""
    if isinstance(statement.params, dict):
        # psycopg numbers names in the order of their first use.
        names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", statement.sql)))
        numbers = {name: f"${at}" for at, name in enumerate(names, 1)}
        return numbers, [statement.params[name] for name in names]
    values = list(statement.params or ())
    return tuple(f"${at}" for at in range(1, len(values) + 1)), values
