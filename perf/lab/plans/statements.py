"""Every statement of every endpoint, with its plan: what docs/performance.md shows."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection, transaction

from morpheus.db.transactions import write_transaction
from perf.lab.plans.capture import Statement
from perf.lab.plans.explain import Plan, explained_read, explained_write
from perf.lab.plans.requests import Answered, Ask, answered
from perf.monitoring.sql_text import format_sql


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
    """A request and all that it asked the database, in order, without a cache."""

    ask: Ask
    statements: list[Explained]
    size_bytes: int

    @property
    def heading(self) -> str:
        by = "" if self.ask.by == "anonymous" else f", {_BY[self.ask.by]}"
        return f"{self.ask.endpoint}{self.ask.query}{by}"


_BY = {
    "owner": "with a token",
    "newcomer": "with a token",
    "session": "with a session",
    "staff": "as staff",
}


def endpoints(*, generic: bool = False) -> list[Endpoint]:
    """Ask every endpoint and explain what it asks; leaves the database as it was.

    Args:
        generic: Whether plans are for any parameters, which are the same each time, and not those
            that PostgreSQL prefers.
    """
    with transaction.atomic():
        if generic:
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        found = [explained(one, generic=generic) for one in answered()]
        transaction.set_rollback(True)
    return found


def explained(one: Answered, *, staff: bool = False, generic: bool = False) -> Endpoint:
    """Explain the statements of an answer, in the transaction that it was made in."""
    with write_transaction(as_user=one.user_id, as_staff=staff):
        found = [_plan(statement, generic) for statement in one.statements]
    return Endpoint(one.ask, found, one.size_bytes)


def _plan(statement: Statement, generic: bool) -> Explained:
    is_read = statement.sql.lstrip().startswith(("SELECT", "WITH"))
    plan = explained_read(statement) if is_read else explained_write(statement, generic=generic)
    return Explained(format_sql(statement.sql), plan, is_read)
