"""Changed plans, and counts that only tests need: statements by name, and warm reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from perf.lab.example_exports import example_export
from perf.lab.example_requests import Conversation, bearer
from perf.lab.example_rows import first_rows
from perf.lab.plans.capture import capture_statements
from perf.lab.plans.costs import breach, examined_per_row
from perf.lab.plans.recorded_requests import RecordedRequest, read_body, send, warm_reads
from perf.lab.plans.statements import ExplainedRequest, ExplainedStatement
from perf.monitoring.budgets import budgets, query_name
from perf.monitoring.explain import Plan
from users.models import User
from users.services.tokens import token_create, token_revoke

# The first request fills the cache, the second may store ready bytes.
TIMES_BEFORE_WARM = 2


def change_plans(request: ExplainedRequest, **changes: Any) -> ExplainedRequest:
    """Return the request with changes to each node of its plans; None removes a key."""
    statements = [
        replace(statement, plan=Plan({"Plan": _change_node(statement.plan.tree, changes)}))
        for statement in request.statements
    ]
    return replace(request, statements=statements)


def _change_node(node: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    children = [_change_node(child, changes) for child in node.get("Plans", ())]
    node = {**node, **changes} | ({"Plans": children} if children else {})
    return {name: value for name, value in node.items() if value is not None}


def query_breaches(heading: str, statement: ExplainedStatement) -> Iterator[str]:
    """Yield a sentence for each figure over the budget of a reading statement."""
    name = query_name(statement.sql)
    if name is None:
        yield f"{heading}: no [queries] of perf/budgets.toml matches: {statement.sql}"
        return
    budget = budgets().queries[name]
    plan = statement.plan
    for figure, value, limit in (
        ("buffers", plan.buffers, budget.buffers),
        ("examined_per_row", examined_per_row([plan]), budget.examined_per_row),
    ):
        if value > limit:
            yield breach(f"{heading}, query {name!r}", figure, value, limit)


def record_warm_reads() -> Iterator[RecordedRequest]:
    """Send each read with a warm cache. Creates a token for the owner and revokes it.

    Not in a transaction, because a transaction bypasses the cache.

    Raises:
        RequestFailed, CommandError: As `record_requests`.
    """
    rows = first_rows()
    secret, token = token_create(user=User(pk=rows.owner_id))
    talk = Conversation(rows.values, {"owner": bearer(secret)})
    try:
        with example_export(rows.owner_id) as talk.values["export_id"]:
            for sent in warm_reads():
                with capture_statements(cached=True) as statements:
                    for _ in range(TIMES_BEFORE_WARM):
                        read_body(send(talk.build(sent)))
                    statements.clear()
                    body = read_body(send(talk.build(sent)))
                yield RecordedRequest(sent, rows.owner_id, statements, len(body))
    finally:
        token_revoke(token_id=token.pk)
