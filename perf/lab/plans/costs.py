"""What requests and statements cost beside their budgets, counted: nothing here is timed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from perf.lab.plans.explain import Plan
from perf.lab.plans.judgement import SMALL_TABLE_ROWS
from perf.lab.plans.statements import Endpoint, Explained
from perf.monitoring.budgets import budgets, query_name

ADVICE = {
    "queries_cold": "Is a statement repeated for each row? Read many at once, in querysets.py.",
    "queries_warm": "What is read is under no policy, or its answer is not kept: docs/caching.md.",
    "buffers": "Look at its plans: manage.py perf_plans --statements.",
    "examined_per_row": "Rows are read and dropped: an index lacks a column, or its condition.",
    "forbidden_nodes": "An index is missing, or a condition keeps it from being used.",
    "bytes": "Leave out what no reader needs, or page it.",
}
RAISE = "If it must be, raise it in perf/budgets.toml and say why in `reason`."


def breach(subject: str, figure: str, found: object, budget: object) -> str:
    """Return the sentence that says what is broken and what to do."""
    return f"{subject}: {figure} is {found}, the budget {budget}. {ADVICE[figure]} {RAISE}"


def route_breaches(endpoint: Endpoint) -> Iterator[str]:
    """Yield what breaks the budget of the endpoint's route, a sentence each."""
    budget = budgets().routes[endpoint.ask.endpoint]
    reads = [one.plan for one in endpoint.statements if one.is_read]
    for figure, found, most in (
        ("queries_cold", len(endpoint.statements), budget.queries_cold),
        ("buffers", sum(plan.buffers for plan in reads), budget.buffers),
        ("examined_per_row", examined_per_row(reads), budget.examined_per_row),
        ("bytes", endpoint.size_bytes, budget.bytes),
    ):
        if found > most:
            yield breach(endpoint.heading, figure, found, most)
    for node in forbidden(reads, budget.forbidden_nodes):
        yield breach(endpoint.heading, "forbidden_nodes", node, "none of them")


def query_breaches(heading: str, one: Explained) -> Iterator[str]:
    """Yield what breaks the budget of a reading statement, a sentence each."""
    name = query_name(one.sql)
    if name is None:
        yield f"{heading}: no [queries] of perf/budgets.toml matches: {one.sql}"
        return
    budget = budgets().queries[name]
    for figure, found, most in (
        ("buffers", one.plan.buffers, budget.buffers),
        ("examined_per_row", examined_per_row([one.plan]), budget.examined_per_row),
    ):
        if found > most:
            yield breach(f"{heading}, query {name!r}", figure, found, most)


def examined_per_row(plans: Iterable[Plan]) -> float:
    """Return rows read divided by rows returned; where nothing is returned, rows read."""
    plans = list(plans)
    returned = sum(plan.returned for plan in plans)
    return round(sum(plan.examined for plan in plans) / max(returned, 1), 1)


def forbidden(plans: Iterable[Plan], kinds: Iterable[str]) -> list[str]:
    """Return the nodes of these kinds that go through more rows than a small table has."""
    kinds = set(kinds)
    return [
        f"{node} through {node.passed:.0f} rows"
        for plan in plans
        for node in plan.nodes
        if node.kind in kinds and node.passed > SMALL_TABLE_ROWS
    ]
