"""Metrics about the database time that the cache saves, derived from other metrics."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import chain

from prometheus_client.core import GaugeMetricFamily, Metric

from morpheus.tracing.routes import UNMATCHED
from perf.monitoring.dashboard.samples import Samples

# These outcomes cost no database time.
FREE_OUTCOMES = frozenset({"hit", "joined"})

# Paths of requests outside of the API.
_OTHER_PATHS = ("/admin/", "/healthz", "/readyz", "/metrics", UNMATCHED)
# Database time of loads and their number. Verified hits come last: they replace all loads.
_LOADS = (
    ("morpheus_cache_load_database_seconds_total", "morpheus_cache_loads_total"),
    ("morpheus_cache_shadowed_database_seconds_total", "morpheus_cache_shadowed_total"),
)
_LOOKUPS = "morpheus_cache_requests_total"
_QUERY_SECONDS = "morpheus_db_query_seconds_sum"

# The samples that `collect_cache_offload` needs.
SOURCES = frozenset({_LOOKUPS, _QUERY_SECONDS, *chain.from_iterable(_LOADS)})


def collect_cache_offload(metrics: list[Metric]) -> Iterator[Metric]:
    """Yield the database time that cache hits avoided, and its share of the total.

    A hit avoids the average database time of loading one value of its policy. The average comes
    from the hits that shadow verification loaded again, or else from all loads.
    """
    samples = Samples(sample for metric in metrics for sample in metric.samples)
    averages_s = _measure_average_loads(samples)
    avoided: dict[str, float] = defaultdict(float)
    lookups = samples.sums(_LOOKUPS, "policy", "outcome")
    for (policy, outcome), count in lookups.items():
        if outcome in FREE_OUTCOMES:
            avoided[policy] += count * averages_s.get(policy, 0.0)
    # Not a counter: it sinks when the average load becomes faster.
    gauge = GaugeMetricFamily(
        "morpheus_cache_avoided_seconds",
        "Database time that cache hits avoided, by policy: hits times the average load.",
        labels=["policy"],
    )
    for policy, seconds in sorted(avoided.items()):
        gauge.add_metric([policy], seconds)
    yield gauge
    avoided_s = sum(avoided.values())
    if total_s := avoided_s + measure_spent_seconds(samples):
        yield GaugeMetricFamily(
            "morpheus_cache_offload_ratio",
            "Database time avoided / (avoided + spent in requests of the API), since the start.",
            value=avoided_s / total_s,
        )


def measure_spent_seconds(samples: Samples) -> float:
    """Return the database time of the API's requests; nothing else is cached."""
    by_route = samples.sums(_QUERY_SECONDS, "route")
    return sum(seconds for (route,), seconds in by_route.items() if is_api_request(route))


def _measure_average_loads(samples: Samples) -> dict[str, float]:
    """Return the average database time of loading one value, by policy."""
    averages_s: dict[str, float] = {}
    for seconds_name, count_name in _LOADS:
        seconds = samples.sums(seconds_name, "policy")
        for (policy,), count in samples.sums(count_name, "policy").items():
            if count:
                averages_s[policy] = seconds.get((policy,), 0.0) / count
    return averages_s


def is_request(route: str) -> bool:
    """Tell the route of a request, such as `GET /novels/`, from a command or a thread."""
    return route.partition(" ")[0].isupper()


def is_api_request(route: str) -> bool:
    """Tell a request of the API from one of the admin, a probe or a static file."""
    return is_request(route) and not route.partition(" ")[2].startswith(_OTHER_PATHS)
