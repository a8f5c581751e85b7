"""The plan of a slow statement, taken without running it."""

from __future__ import annotations

from typing import Any

import psycopg

from perf.monitoring.explain import explain_generic
from perf.monitoring.slow_queries.rows import as_staff
from perf.monitoring.sql_text import has_plan, number_placeholders

Taken = tuple[Any, str]


def take_plan(connection: psycopg.Connection, sql: str) -> Taken:
    """Return the generic plan as masked JSON, or None and the reason why there is no plan."""
    if not has_plan(sql):
        return None, "PostgreSQL has no plan for statements of this kind."
    with as_staff(connection):
        try:
            plan = explain_generic(connection, number_placeholders(sql))
        except psycopg.errors.DatabaseError as error:
            # The error's text may quote the statement.
            return None, f"PostgreSQL does not explain it: {type(error).__name__}."
    return [plan.masked().document], ""
