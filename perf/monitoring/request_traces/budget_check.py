"""Compares one request with the budgets of its route and its statements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from morpheus.tracing.request_trace import FinishedRequest, RequestTrace, Statement
from perf.monitoring.budgets import RouteBudget, budgets, query_name
from perf.monitoring.cache_offload import FREE_OUTCOMES
from perf.monitoring.queries.redundant import RedundantQueries
from perf.monitoring.sql_text import normalize


def get_budget_ms(statement: Statement) -> float | None:
    """Return the statement's own budget, or else the limit of its kind."""
    kind = normalize(statement).kind
    name = query_name(statement.sql) if kind != "control" else None
    return budgets().queries[name].p99_ms if name else budgets().kinds_ms.get(kind)


def check_budget(request: FinishedRequest, redundant: Sequence[RedundantQueries]) -> dict[str, Any]:
    """Return the budget of the request's route, and its violations as sentences.

    `is_within_budget` is None for a route without a budget and without other violations.
    """
    budget = budgets().routes.get(request.route)
    trace = request.trace or RequestTrace()
    kinds = [normalize(statement).kind for statement in trace.statements]
    queries = sum(kind not in ("control", "commit") for kind in kinds)
    is_warm = all(lookup.outcome in FREE_OUTCOMES for lookup in trace.lookups)
    violations = [
        *_route_violations(request, budget, queries, is_warm),
        *_statement_violations(trace.statements),
        *(f"It sent a statement {queries}" for queries in redundant),
    ]
    return {
        "is_within_budget": False if violations else (None if budget is None else True),
        "violations": violations,
        "queries": queries,
        "queries_budget": budget and _queries_budget(budget, is_warm),
        "p95_ms": budget and budget.p95_ms,
        "p99_ms": budget and budget.p99_ms,
    }


def _queries_budget(budget: RouteBudget, is_warm: bool) -> int:
    return budget.queries_warm if is_warm else budget.queries_cold


def _route_violations(
    request: FinishedRequest, budget: RouteBudget | None, queries: int, is_warm: bool
) -> Iterator[str]:
    if budget is None:
        return
    if queries > (limit := _queries_budget(budget, is_warm)):
        state = "warm" if is_warm else "cold"
        yield f"It sent {queries} statements; {limit} are allowed with a {state} cache."
    # One request in twenty may take longer than p95_ms, so a single one is held to p99_ms.
    if (ms := request.seconds * 1000) > budget.p99_ms:
        yield f"It took {ms:.0f} ms; 99 in 100 requests must take less than {budget.p99_ms:.0f} ms."


def _statement_violations(statements: Sequence[Statement]) -> Iterator[str]:
    for number, statement in enumerate(statements, 1):
        limit_ms, ms = get_budget_ms(statement), statement.seconds * 1000
        if limit_ms is not None and ms > limit_ms:
            kind = normalize(statement).kind
            yield f"Statement {number} ({kind}) took {ms:.0f} ms; {limit_ms:.0f} ms are allowed."
