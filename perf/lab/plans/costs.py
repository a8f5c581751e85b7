"""Compare the counted costs of requests and statements with their budgets; nothing is timed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from perf.lab.plans.list_proofs import SMALL_TABLE_ROWS
from perf.lab.plans.statements import ExplainedRequest
from perf.monitoring.budgets import budgets
from perf.monitoring.explain import Plan

ADVICE = {
    "queries_cold": "Is a statement repeated for each row? Read many at once, in querysets.py.",
    "queries_warm": "A value has no cache policy, or the response is not stored: docs/caching.md.",
    "buffers": "Look at its plans: manage.py perf_plans --statements.",
    "examined_per_row": "A filter removes rows: an index lacks a column, or its condition.",
    "forbidden_nodes": "An index is missing, or a condition prevents its use.",
    "bytes": "Leave out what no client needs, or paginate.",
}
RAISE = "If the cost is justified, raise it in perf/budgets.toml and say why in `reason`."


def breach(subject: str, figure: str, value: object, budget: object) -> str:
    """Return the sentence that names the broken budget and says what to do."""
    return f"{subject}: {figure} is {value}, the budget {budget}. {ADVICE[figure]} {RAISE}"


def route_breaches(request: ExplainedRequest) -> Iterator[str]:
    """Yield a sentence for each figure over the budget of the request's route."""
    budget = budgets().routes[request.sent.route]
    heading = request.sent.heading
    for figure, value, limit in (
        ("queries_cold", len(request.statements), budget.queries_cold),
        ("buffers", request.buffers, budget.buffers),
        ("examined_per_row", examined_per_row(request.reads), budget.examined_per_row),
        ("bytes", request.size_bytes, budget.bytes),
    ):
        if value > limit:
            yield breach(heading, figure, value, limit)
    for node in forbidden_nodes(request.reads, budget.forbidden_nodes):
        yield breach(heading, "forbidden_nodes", node, "none of them")


def examined_per_row(plans: Iterable[Plan]) -> float:
    """Return rows read divided by rows returned; the rows read if none is returned."""
    plans = list(plans)
    returned = sum(plan.returned_rows for plan in plans)
    return round(sum(plan.examined_rows for plan in plans) / max(returned, 1), 1)


def forbidden_nodes(plans: Iterable[Plan], kinds: Iterable[str]) -> list[str]:
    """Return the nodes of these kinds that process more rows than a small table has."""
    kinds = set(kinds)
    return [
        f"{node} through {node.processed_rows:.0f} rows"
        for plan in plans
        for node in plan.nodes
        if node.kind in kinds and node.processed_rows > SMALL_TABLE_ROWS
    ]
