"""Every statement of every example request, with its plan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection, transaction

from morpheus.db.transactions import write_transaction
from perf.lab.example_requests import ExampleRequest
from perf.lab.harness.databases import prepare_thumbnails
from perf.lab.plans.capture import Statement
from perf.lab.plans.explain import explain_read, explain_write
from perf.lab.plans.recorded_requests import (
    RecordedRequest,
    record_operator_requests,
    record_requests,
)
from perf.monitoring.explain import Plan
from perf.monitoring.sql_text import format_sql


@dataclass(frozen=True, slots=True)
class ExplainedStatement:
    """A statement and its plan; a write has the planner's choice, without figures."""

    sql: str
    plan: Plan
    is_read: bool


@dataclass(frozen=True, slots=True)
class ExplainedRequest:
    """A request and its statements in order, without a cache."""

    sent: ExampleRequest
    statements: list[ExplainedStatement]
    size_bytes: int

    @property
    def reads(self) -> list[Plan]:
        return [statement.plan for statement in self.statements if statement.is_read]

    @property
    def buffers(self) -> int:
        return sum(plan.buffers for plan in self.reads)


def explain_requests(*, generic: bool = False) -> list[ExplainedRequest]:
    """Send every example and explain its statements; leave nothing but missing thumbnails.

    Args:
        generic: Whether plans are for any parameters, so that they are the same in each run.
    """
    prepare_thumbnails()
    with transaction.atomic():
        if generic:
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        explained = _explain_all(record_requests(), generic=generic)
        transaction.set_rollback(True)
    return explained


def explain_operator_requests() -> list[ExplainedRequest]:
    """As `explain_requests`, for the probes and the admin's lists."""
    with transaction.atomic():
        explained = _explain_all(record_operator_requests(), as_staff=True)
        transaction.set_rollback(True)
    return explained


def _explain_all(
    requests: Iterable[RecordedRequest], *, as_staff: bool = False, generic: bool = False
) -> list[ExplainedRequest]:
    """Explain each request before the next one is sent: it may delete what this one reads."""
    explained = []
    for request in requests:
        with write_transaction(as_user=request.user_id, as_staff=as_staff):
            statements = [_explain(statement, generic) for statement in request.statements]
        explained.append(ExplainedRequest(request.sent, statements, request.size_bytes))
    return explained


def _explain(statement: Statement, generic: bool) -> ExplainedStatement:
    is_read = statement.is_read
    plan = explain_read(statement) if is_read else explain_write(statement, generic=generic)
    return ExplainedStatement(format_sql(statement.sql), plan, is_read)
