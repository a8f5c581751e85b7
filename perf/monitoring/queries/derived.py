"""Metrics that are made of others when `/metrics` is read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

# What costs the database nothing.
_HITS = frozenset({"hit", "joined"})


def offload(found: list[Metric]) -> Iterator[Metric]:
    """What the cache saves: database time avoided, and its share of all that would be needed.

    A hit avoids what loading a value of its policy takes the database on average: as measured on
    hits that were computed again, or else when values were loaded.
    """
    samples = _by_policy(found)
    avoided = {policy: _avoided_s(policy, samples) for policy in samples["hits"]}
    # No counter: where loading gets quicker on average, it sinks.
    gauge = GaugeMetricFamily(
        "morpheus_cache_avoided_seconds",
        "Database time that hits saved, by policy: hits times what loading takes on average.",
        labels=["policy"],
    )
    for policy, seconds in sorted(avoided.items()):
        gauge.add_metric([policy], seconds)
    yield gauge
    spent_s = sum(samples["spent"].values())
    if total_s := sum(avoided.values()) + spent_s:
        yield GaugeMetricFamily(
            "morpheus_cache_offload_ratio",
            "Database time avoided / (avoided + spent in requests), since the start.",
            value=sum(avoided.values()) / total_s,
        )


def _avoided_s(policy: str, samples: dict[str, dict[str, float]]) -> float:
    for seconds, count in (("again_s", "again"), ("load_s", "loads")):
        if samples[count].get(policy):
            each_s = samples[seconds].get(policy, 0.0) / samples[count][policy]
            return samples["hits"][policy] * each_s
    return 0.0


_SOURCES = {
    "morpheus_cache_shadowed_database_seconds_total": "again_s",
    "morpheus_cache_shadowed_total": "again",
    "morpheus_cache_load_database_seconds_total": "load_s",
    "morpheus_cache_loads_total": "loads",
}


def _by_policy(found: Iterable[Metric]) -> dict[str, dict[str, float]]:
    """Return sums by what they are and by policy; `spent` by route."""
    sums: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for family in found:
        for sample in family.samples:
            policy = sample.labels.get("policy", "")
            if sample.name in _SOURCES:
                sums[_SOURCES[sample.name]][policy] += sample.value
            elif sample.name == "morpheus_cache_requests_total":
                if sample.labels["outcome"] in _HITS:
                    sums["hits"][policy] += sample.value
            elif sample.name == "morpheus_db_query_seconds_sum":
                route = sample.labels["route"]
                # Of commands and threads nothing is cached.
                if route.partition(" ")[0].isupper():
                    sums["spent"][route] += sample.value
    return sums
