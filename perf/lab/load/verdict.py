"""Whether a run passed: what clients met, against perf/budgets.toml."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from perf.lab.load.account import Account
from perf.monitoring.budgets import RouteBudget

# With fewer answers beyond it, a percentile is a matter of chance: of 191 answers, the second worst
# would be the 99th. A longer run judges more.
BEYOND = 5


# Of the connections that requests ask for, so many may be not there at once: a pool opens its first
# ones when they are wanted, and is as large as there are threads.
MAX_WAITED = 0.02


@dataclass(frozen=True, slots=True)
class Met:
    """What clients met on one route, after all of them had begun.

    Attributes:
        failures: Connection errors and statuses that were not expected.
    """

    route: str
    requests: int
    failures: int
    p95_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Demand:
    """What a profile demands beside the budgets.

    Attributes:
        min_requests: In all; fewer mean that users waited or the test did not happen.
        max_failures: Of all requests; a run with faults allows those that DESIGN allows.
        min_offload: Share of the database's time that the cache has to save; None: whatever.
        are_times_judged: Whether routes have to keep their p95 and p99.
        slower: How many times as long they may take, for a machine that is as much slower.
    """

    min_requests: int
    max_failures: int = 0
    min_offload: float | None = None
    are_times_judged: bool = True
    slower: float = 1.0


def breaches(
    met: Iterable[Met],
    budgets: dict[str, RouteBudget],
    demand: Demand,
    told: Account | None,
) -> list[str]:
    """Return a sentence for each thing that is not as demanded.

    Args:
        told: The server's account of the run; None: there is none.
    """
    routes = [*met]
    found = []
    if (requests := sum(each.requests for each in routes)) < demand.min_requests:
        found.append(f"{requests:,} requests were made; at least {demand.min_requests:,} are due.")
    if (failures := sum(each.failures for each in routes)) > demand.max_failures:
        found.append(f"{failures:,} requests failed; {demand.max_failures} may.")
    if demand.are_times_judged:
        for each in routes:
            found += _late(each, budgets.get(each.route), demand.slower)
    saved = None if told is None else told.saved
    if demand.min_offload is not None and (saved is None or saved < demand.min_offload):
        share = "nothing that is known" if saved is None else f"{saved:.1%}"
        found.append(
            f"The cache saved {share} of the database's time; {demand.min_offload:.0%} is due."
        )
    if demand.are_times_judged and told is not None and told.waited > MAX_WAITED:
        found.append(
            f"{told.waited:.1%} of connections were waited for; {MAX_WAITED:.0%} may be: the pool "
            "is smaller than the threads that use it."
        )
    return found


def _late(met: Met, budget: RouteBudget | None, slower: float) -> list[str]:
    if budget is None:
        return []
    triples = (
        ("p95", met.p95_ms, budget.p95_ms, 0.05),
        ("p99", met.p99_ms, budget.p99_ms, 0.01),
    )
    allowed = "" if slower <= 1 else f", {slower:.2f} times that on this machine"
    return [
        f"{met.route}: {name} {value:,.0f} ms of {limit:,.0f} ms{allowed}."
        for name, value, limit, share in triples
        if value > limit * max(1.0, slower) and round(met.requests * share) >= BEYOND
    ]
