"""Metrics about the database time that the cache saves, derived from other metrics."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

# These outcomes cost no database time.
FREE_OUTCOMES = frozenset({"hit", "joined"})

_SOURCES = {
    "morpheus_cache_shadowed_database_seconds_total": "verified_s",
    "morpheus_cache_shadowed_total": "verified",
    "morpheus_cache_load_database_seconds_total": "load_s",
    "morpheus_cache_loads_total": "loads",
}


def collect_cache_offload(metrics: list[Metric]) -> Iterator[Metric]:
    """Yield the database time that cache hits avoided, and its share of the total.

    A hit avoids the average database time of loading one value of its policy. The average comes
    from the hits that shadow verification loaded again, or else from all loads.
    """
    samples = _sum_by_policy(metrics)
    avoided = {policy: _avoided_s(policy, samples) for policy in samples["hits"]}
    # Not a counter: it sinks when the average load becomes faster.
    gauge = GaugeMetricFamily(
        "morpheus_cache_avoided_seconds",
        "Database time that cache hits avoided, by policy: hits times the average load.",
        labels=["policy"],
    )
    for policy, seconds in sorted(avoided.items()):
        gauge.add_metric([policy], seconds)
    yield gauge
    spent_s = sum(samples["spent"].values())
    if total_s := sum(avoided.values()) + spent_s:
        yield GaugeMetricFamily(
            "morpheus_cache_offload_ratio",
            "Database time avoided / (avoided + spent in requests), since the server started.",
            value=sum(avoided.values()) / total_s,
        )


def _avoided_s(policy: str, samples: dict[str, dict[str, float]]) -> float:
    for seconds, count in (("verified_s", "verified"), ("load_s", "loads")):
        if samples[count].get(policy):
            average_s = samples[seconds].get(policy, 0.0) / samples[count][policy]
            return samples["hits"][policy] * average_s
    return 0.0


def _sum_by_policy(metrics: Iterable[Metric]) -> dict[str, dict[str, float]]:
    """Return sums by source and policy; `spent` is by route."""
    sums: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for family in metrics:
        for sample in family.samples:
            policy = sample.labels.get("policy", "")
            if sample.name in _SOURCES:
                sums[_SOURCES[sample.name]][policy] += sample.value
            elif sample.name == "morpheus_cache_requests_total":
                if sample.labels["outcome"] in FREE_OUTCOMES:
                    sums["hits"][policy] += sample.value
            elif sample.name == "morpheus_db_query_seconds_sum":
                route = sample.labels["route"]
                # Commands and threads are no requests; nothing is cached for them.
                if is_request(route):
                    sums["spent"][route] += sample.value
    return sums


def is_request(route: str) -> bool:
    """Tell the route of a request, such as `GET /novels/`, from a command or a thread."""
    return route.partition(" ")[0].isupper()
