"""Changes plans as a lost index would."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from perf.lab.plans.statements import ExplainedRequest
from perf.monitoring.explain import Plan


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
