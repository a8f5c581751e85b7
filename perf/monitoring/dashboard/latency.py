"""Routes against their budgets, from what the monitor measured."""

from __future__ import annotations

from dataclasses import dataclass

from perf.monitoring.dashboard import limits
from perf.monitoring.dashboard.metrics import Histogram, Samples, added, histograms

REQUESTS = "morpheus_http_request_seconds"
REQUEST_QUERIES = "morpheus_http_request_queries"
QUERIES = "morpheus_db_query_seconds"


@dataclass(frozen=True, slots=True)
class RouteUse:
    """A route since the servers started.

    Attributes:
        limit_ms: Its budget of the 95th percentile; None for what has none.
        statements: Per request, on average; None where that is not measured.
        errors: Answers of 500 and above.
    """

    route: str
    latency: Histogram
    limit_ms: float | None
    statements: float | None
    errors: float

    @property
    def p95_ms(self) -> float | None:
        return self.latency.percentile_ms(0.95)

    @property
    def fill(self) -> float | None:
        """The 95th percentile as a part of its budget."""
        p95_ms = self.p95_ms
        return p95_ms / self.limit_ms if p95_ms is not None and self.limit_ms else None

    @property
    def is_measured(self) -> bool:
        return self.latency.count >= limits.MEASUREMENTS

    @property
    def state(self) -> str:
        if self.fill is None or not self.is_measured:
            return "unknown"
        return "good" if self.fill <= 1 else "bad"


@dataclass(frozen=True, slots=True)
class KindUse:
    """The statements of one kind, of a route or of all of them."""

    kind: str
    times: Histogram
    limit_ms: float | None

    @property
    def p95_ms(self) -> float | None:
        return self.times.percentile_ms(0.95)

    @property
    def fill(self) -> float | None:
        p95_ms = self.p95_ms
        return p95_ms / self.limit_ms if p95_ms is not None and self.limit_ms else None


def routes(found: Samples) -> list[RouteUse]:
    """Return every route that was asked for, by name."""
    requests = found.sums(f"{REQUEST_QUERIES}_count", "route")
    statements = found.sums(f"{REQUEST_QUERIES}_sum", "route")
    errors: dict[str, float] = {}
    for (route, status), count in found.sums(f"{REQUESTS}_count", "route", "status").items():
        if status >= "500":
            errors[route] = errors.get(route, 0) + count
    return [
        RouteUse(
            route,
            latency,
            limits.route_p95_ms(route),
            statements.get((route,), 0) / requests[(route,)] if requests.get((route,)) else None,
            errors.get(route, 0),
        )
        for (route,), latency in sorted(histograms(found, REQUESTS, "route").items())
        if latency.count
    ]


def is_request(route: str) -> bool:
    """Tell a request from a command or a thread, which the monitor measures too."""
    return route.partition(" ")[0].isupper()


def kinds(found: Samples, route: str | None = None) -> list[KindUse]:
    """Return the statements by kind, of one route or of all requests."""
    times: dict[str, list[Histogram]] = {}
    for (of, kind), one in histograms(found, QUERIES, "route", "kind").items():
        if one.count and (of == route if route is not None else is_request(of)):
            times.setdefault(kind, []).append(one)
    return [
        KindUse(kind, added(parts), limits.kind_ms(kind)) for kind, parts in sorted(times.items())
    ]


def query_seconds(found: Samples) -> float:
    """Return the time that all statements of requests took."""
    by_route = found.sums(f"{QUERIES}_sum", "route")
    return sum(seconds for (route,), seconds in by_route.items() if is_request(route))
