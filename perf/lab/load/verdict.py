"""Whether a run passes: its figures against perf/budgets.toml and the profile's requirements."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from perf.lab.load.profiles import Profile
from perf.lab.load.server_counters import ServerCounters
from perf.monitoring.budgets import RouteBudget

# With fewer responses beyond it, a percentile is a matter of chance: of 191 responses, the second
# worst would be the 99th. A longer run judges more.
BEYOND = 5
# Share of connections that need not be free at once: a pool opens its first ones on demand, and is
# as large as there are threads.
MAX_QUEUED_SHARE = 0.02


@dataclass(frozen=True, slots=True)
class RouteResult:
    """The figures of one route, after all users have begun.

    Attributes:
        failures: Connection errors and unexpected statuses.
    """

    route: str
    requests: int
    failures: int
    p95_ms: float
    p99_ms: float


def find_breaches(
    results: Iterable[RouteResult],
    budgets: dict[str, RouteBudget],
    profile: Profile,
    counters: ServerCounters | None,
    *,
    min_requests: int = 1,
    slowdown: float = 1.0,
) -> list[str]:
    """Return a sentence for each requirement that the run does not meet.

    Args:
        counters: Of the server, for the run; None: unknown.
        min_requests: In all (`Profile.min_requests`).
        slowdown: How many times slower the machine is; routes may take as much longer.
    """
    routes = [*results]
    breaches = []
    if (requests := sum(each.requests for each in routes)) < min_requests:
        breaches.append(f"{requests:,} requests, {min_requests:,} required.")
    if (failures := sum(each.failures for each in routes)) > profile.max_failures:
        breaches.append(f"{failures:,} requests failed, {profile.max_failures} allowed.")
    if profile.judges_times:
        for each in routes:
            breaches += _find_late(each, budgets.get(each.route), slowdown)
    offload = None if counters is None else counters.offload
    if profile.min_offload is not None and (offload is None or offload < profile.min_offload):
        share = "an unknown share" if offload is None else f"{offload:.1%}"
        breaches.append(
            f"The cache saved {share} of the reads' database time, "
            f"{profile.min_offload:.0%} required."
        )
    if profile.judges_times and counters is not None and counters.queued_share > MAX_QUEUED_SHARE:
        breaches.append(
            f"{counters.queued_share:.1%} of connections were not free at once, "
            f"{MAX_QUEUED_SHARE:.0%} allowed: the pool is smaller than the threads that use it."
        )
    return breaches


def _find_late(result: RouteResult, budget: RouteBudget | None, slowdown: float) -> list[str]:
    if budget is None:
        return []
    percentiles = (
        ("p95", result.p95_ms, budget.p95_ms, 0.05),
        ("p99", result.p99_ms, budget.p99_ms, 0.01),
    )
    more = "" if slowdown <= 1 else f", {slowdown:.2f} times that on this machine"
    return [
        f"{result.route}: {name} {ms:,.0f} ms, {limit:,.0f} ms allowed{more}."
        for name, ms, limit, share in percentiles
        if ms > limit * max(1.0, slowdown) and round(result.requests * share) >= BEYOND
    ]
