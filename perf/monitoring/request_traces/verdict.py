"""Whether a request kept its budget, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from morpheus.tracing import FinishedRequest, RequestTrace, Statement
from perf.monitoring.budgets import RouteBudget, budgets, query_name
from perf.monitoring.queries.waste import Waste
from perf.monitoring.sql_text import NormalizedStatement

# What costs the database nothing.
_HITS = frozenset({"hit", "joined"})


@dataclass(frozen=True, slots=True)
class Seen:
    """A statement and its shape."""

    statement: Statement
    shape: NormalizedStatement


def verdict_of(
    answer: FinishedRequest, seen: Sequence[Seen], waste: Sequence[Waste]
) -> dict[str, Any]:
    """Return the budget of the request's route and what of it was broken, a sentence each.

    `is_within_budget` is None where the route has no budget and nothing else was broken.
    """
    budget = budgets().routes.get(answer.route)
    trace = answer.trace or RequestTrace()
    queries = sum(each.shape.kind not in ("control", "commit") for each in seen)
    is_warm = all(lookup.outcome in _HITS for lookup in trace.lookups)
    breaches = [
        *_route_breaches(answer, budget, queries, is_warm),
        *_statement_breaches(seen),
        *(f"A statement was sent {each}" for each in waste),
    ]
    return {
        "is_within_budget": False if breaches else (None if budget is None else True),
        "breaches": breaches,
        "queries": queries,
        "queries_budget": budget and _queries_budget(budget, is_warm),
        "p95_ms": budget and budget.p95_ms,
        "p99_ms": budget and budget.p99_ms,
    }


def statement_budget_ms(seen: Seen) -> float | None:
    """Return what such a statement may take: its own budget or else its kind's."""
    said = budgets()
    name = query_name(seen.statement.sql) if seen.shape.kind != "control" else None
    return said.queries[name].p99_ms if name else said.kinds_ms.get(seen.shape.kind)


def _queries_budget(budget: RouteBudget, is_warm: bool) -> int:
    return budget.queries_warm if is_warm else budget.queries_cold


def _route_breaches(
    answer: FinishedRequest, budget: RouteBudget | None, queries: int, is_warm: bool
) -> Iterator[str]:
    if budget is None:
        return
    if queries > (most := _queries_budget(budget, is_warm)):
        state = "warm" if is_warm else "cold"
        yield f"It sent {queries} statements; {most} are allowed with a {state} cache."
    # One in twenty may take longer than p95_ms.
    if (ms := answer.seconds * 1000) > budget.p99_ms:
        yield f"It took {ms:.0f} ms; 99 in 100 must take less than {budget.p99_ms:.0f} ms."


def _statement_breaches(seen: Sequence[Seen]) -> Iterator[str]:
    for at, each in enumerate(seen, 1):
        most = statement_budget_ms(each)
        ms = each.statement.seconds * 1000
        if most is not None and ms > most:
            yield f"Statement {at} ({each.shape.kind}) took {ms:.0f} ms; {most:.0f} ms are allowed."
