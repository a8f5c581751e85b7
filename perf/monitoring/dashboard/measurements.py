"""Measurements of the server processes: routes, statements, cache policies, connection pools."""

from __future__ import annotations

from dataclasses import dataclass

from perf.monitoring.budgets import budgets
from perf.monitoring.cache_offload import (
    FREE_OUTCOMES,
    is_api_request,
    is_request,
    measure_spent_seconds,
)
from perf.monitoring.dashboard import thresholds
from perf.monitoring.dashboard.samples import Histogram, Samples, add_histograms, read_histograms

REQUESTS = "morpheus_http_request_seconds"
REQUEST_QUERIES = "morpheus_http_request_queries"
QUERIES = "morpheus_db_query_seconds"
REDUNDANT_QUERIES = "morpheus_db_wasted_queries_total"

# Outcomes of cache lookups, with their descriptions.
OUTCOMES = {
    "hit": "cache hit",
    "joined": "joined another thread's load",
    "miss": "cache miss",
    "write_intent": "bypass, because a writer was committing",
    "bypass": "other bypass",
}


@dataclass(frozen=True, slots=True)
class Latency:
    """Durations against their limit.

    Attributes:
        limit_ms: The limit of the 95th percentile, if there is one.
    """

    times: Histogram
    limit_ms: float | None

    @property
    def p50_ms(self) -> float | None:
        return self.times.percentile_ms(0.5)

    @property
    def p95_ms(self) -> float | None:
        return self.times.percentile_ms(0.95)

    @property
    def p99_ms(self) -> float | None:
        return self.times.percentile_ms(0.99)

    @property
    def budget_used(self) -> float | None:
        """The 95th percentile as a share of the limit; None without limit or measurements."""
        if not self.limit_ms or self.times.count < thresholds.MIN_MEASUREMENTS:
            return None
        return (self.p95_ms or 0.0) / self.limit_ms

    @property
    def state(self) -> str:
        if self.budget_used is None:
            return "unknown"
        return "good" if self.budget_used <= 1 else "bad"


@dataclass(frozen=True, slots=True)
class RouteStats(Latency):
    """A route since the servers started; `statements` per request on average, 5xx as `errors`."""

    route: str
    statements: float | None
    errors: float


@dataclass(frozen=True, slots=True)
class KindStats(Latency):
    """The statements of one kind, of one route or of all requests."""

    kind: str


@dataclass(frozen=True, slots=True)
class PolicyStats:
    """A cache policy since the servers started.

    Attributes:
        saved_seconds: Database time that hits avoided (perf/monitoring/cache_offload.py).
        verified: Hits checked by shadow verification, and `stale` ones among them.
    """

    policy: str
    outcomes: dict[str, float]
    loads: float
    load_seconds: float
    saved_seconds: float
    verified: float
    stale: float

    @property
    def lookups(self) -> float:
        return sum(self.outcomes.values())

    @property
    def hit_ratio(self) -> float | None:
        hits = sum(self.outcomes.get(outcome, 0) for outcome in FREE_OUTCOMES)
        return hits / self.lookups if self.lookups else None

    @property
    def load_ms(self) -> float | None:
        """Database time of loading one value, on average."""
        return self.load_seconds / self.loads * 1000 if self.loads else None


@dataclass(frozen=True, slots=True)
class Offload:
    """The database time that the cache avoided, and the time spent."""

    avoided_seconds: float
    spent_seconds: float

    @property
    def ratio(self) -> float | None:
        total = self.avoided_seconds + self.spent_seconds
        return self.avoided_seconds / total if total else None


@dataclass(frozen=True, slots=True)
class PoolStats:
    """The connection pools of one database alias, of all processes together.

    Attributes:
        waiting: Threads that wait for a connection now.
        queued: Requests that had to wait, and `wait_s` their total pool wait.
        lost: Connections that were found broken.
    """

    alias: str
    size_limit: float
    in_use: float
    waiting: float
    requests: float
    queued: float
    timeouts: float
    lost: float
    wait_s: float

    @property
    def fill(self) -> float | None:
        return self.in_use / self.size_limit if self.size_limit else None

    @property
    def mean_wait_ms(self) -> float | None:
        return self.wait_s / self.queued * 1000 if self.queued else None


def limit_of(route: str) -> float | None:
    """Return the limit of a route's 95th percentile, if there is one."""
    limits = budgets().routes
    return limits[route].p95_ms if route in limits else None


def measure_routes(samples: Samples) -> list[RouteStats]:
    """Return every requested route by name."""
    requests = samples.sums(f"{REQUEST_QUERIES}_count", "route")
    statements = samples.sums(f"{REQUEST_QUERIES}_sum", "route")
    errors: dict[str, float] = {}
    for (route, status), count in samples.sums(f"{REQUESTS}_count", "route", "status").items():
        if status >= "500":
            errors[route] = errors.get(route, 0) + count
    return [
        RouteStats(
            times,
            limit_of(route),
            route,
            statements.get((route,), 0) / requests[(route,)] if requests.get((route,)) else None,
            errors.get(route, 0),
        )
        for (route,), times in sorted(read_histograms(samples, REQUESTS, "route").items())
        if times.count
    ]


def measure_kinds(samples: Samples, route: str | None = None) -> list[KindStats]:
    """Return the statements by kind, of one route or of all requests."""
    times: dict[str, list[Histogram]] = {}
    for (of, kind), histogram in read_histograms(samples, QUERIES, "route", "kind").items():
        if histogram.count and (of == route if route is not None else is_request(of)):
            times.setdefault(kind, []).append(histogram)
    return [
        KindStats(add_histograms(parts), budgets().kinds_ms.get(kind), kind)
        for kind, parts in sorted(times.items())
    ]


def count_redundant_queries(samples: Samples, route: str) -> dict[str, float]:
    """Return the number of avoidable statements of a route by kind."""
    sums = samples.sums(REDUNDANT_QUERIES, "route", "kind")
    return {kind: count for (of, kind), count in sums.items() if of == route}


def measure_policies(samples: Samples) -> list[PolicyStats]:
    """Return every cache policy with lookups by name."""
    loads = samples.sums("morpheus_cache_loads_total", "policy")
    seconds = samples.sums("morpheus_cache_load_database_seconds_total", "policy")
    saved = samples.sums("morpheus_cache_avoided_seconds", "policy")
    verified = samples.sums("morpheus_cache_shadowed_total", "policy")
    results = samples.sums("morpheus_cache_shadowed_total", "policy", "outcome")
    lookups = samples.sums("morpheus_cache_requests_total", "policy", "outcome")
    outcomes: dict[str, dict[str, float]] = {}
    for (policy, outcome), count in lookups.items():
        outcomes.setdefault(policy, {})[outcome] = count
    return [
        PolicyStats(
            policy,
            counts,
            loads=loads.get((policy,), 0),
            load_seconds=seconds.get((policy,), 0),
            saved_seconds=saved.get((policy,), 0),
            verified=verified.get((policy,), 0),
            stale=results.get((policy, "stale"), 0),
        )
        for policy, counts in sorted(outcomes.items())
    ]


def count_api_requests(samples: Samples) -> float:
    """Return the number of requests of the API."""
    by_route = samples.sums(f"{REQUESTS}_count", "route")
    return sum(count for (route,), count in by_route.items() if is_api_request(route))


def measure_offload(samples: Samples) -> Offload:
    """Return the database time that the cache avoided, and the time of the API's requests."""
    avoided = samples.total("morpheus_cache_avoided_seconds")
    return Offload(avoided, measure_spent_seconds(samples))


def measure_pools(samples: Samples) -> list[PoolStats]:
    """Return the pools by alias; empty before the first connection."""
    names = "size_limit in_use waiting requests_total queued_total timeouts_total lost_total"
    sums = [
        samples.sums(f"morpheus_db_pool_{name}", "alias")
        for name in (*names.split(), "wait_seconds_total")
    ]
    return [
        PoolStats(alias, *(by_alias.get((alias,), 0) for by_alias in sums))
        for (alias,) in sorted(sums[0])
    ]
