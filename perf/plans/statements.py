"""Every statement of every endpoint, with its plan: what docs/performance.md shows."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from django.db import connection, transaction

from morpheus.db.identity import acting_as
from perf.plans.capture import Statement
from perf.plans.explain import Plan, explain, plan_of
from perf.plans.requests import Answered, Ask, answered
from perf.plans.sql_text import sql_text


@dataclass(frozen=True, slots=True)
class Explained:
    """A statement and its plan; of a write only what the planner would do, without figures."""

    sql: str
    plan: Plan
    is_read: bool

    @property
    def plan_text(self) -> str:
        """The nodes that read tables, and what sorts or aggregates; as many times as they occur."""
        shown = [
            str(node)
            for node in self.plan.nodes
            if node.index or node.table or node.kind in ("Sort", "Aggregate", "Function Scan")
        ]
        return ", ".join(shown) or self.plan.nodes[0].kind


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A request and all that it asked the database, in order."""

    ask: Ask
    statements: list[Explained]

    @property
    def heading(self) -> str:
        by = "" if self.ask.by == "anonymous" else f", {_BY[self.ask.by]}"
        return f"{self.ask.endpoint}{self.ask.query}{by}"


_BY = {"owner": "with a token", "newcomer": "with a token", "session": "with a session"}


def endpoints() -> list[Endpoint]:
    """Ask every endpoint and explain what it asks; leaves the database as it was."""
    with transaction.atomic():
        found = [_explained(one) for one in answered()]
        transaction.set_rollback(True)
    return found


def _explained(one: Answered) -> Endpoint:
    with acting_as(one.user_id):
        plans = [(statement, *_plan(statement, one.user_id)) for statement in one.statements]
    return Endpoint(
        one.ask,
        [Explained(sql_text(statement.sql), plan, is_read) for statement, plan, is_read in plans],
    )


def _plan(statement: Statement, user_id: int | None) -> tuple[Plan, bool]:
    if statement.sql.lstrip().startswith(("SELECT", "WITH")):
        return explain(statement, user_id), True
    with psycopg.ClientCursor(connection.connection) as cursor:
        cursor.execute("EXPLAIN (FORMAT JSON) " + statement.sql, statement.params)
        row = cursor.fetchone()
    return plan_of(row[0] if row else None), False
