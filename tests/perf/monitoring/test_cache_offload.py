"""The database time that the cache avoids, from other metrics."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, Metric

from perf.monitoring.cache_offload import collect_cache_offload


def make_counters() -> Iterator[Metric]:
    by_policy = {
        "morpheus_cache_load_database_seconds": {"card": 4.0, "page": 6.0},
        "morpheus_cache_loads": {"card": 2.0, "page": 3.0},
        "morpheus_cache_shadowed_database_seconds": {"card": 1.0},
        "morpheus_cache_shadowed": {"card": 2.0, "page": 0.0},
    }
    for name, values in by_policy.items():
        counter = CounterMetricFamily(name, "", labels=["policy"])
        for policy, value in values.items():
            counter.add_metric([policy], value)
        yield counter
    lookups = CounterMetricFamily("morpheus_cache_requests", "", labels=["policy", "outcome"])
    for policy, outcome, count in (
        *(("card", "hit", 10.0), ("card", "joined", 2.0), ("card", "miss", 100.0)),
        *(("page", "hit", 7.0), ("new", "hit", 5.0)),
    ):
        lookups.add_metric([policy, outcome], count)
    yield lookups
    spent = Metric("morpheus_db_query_seconds", "", "histogram")
    for route, seconds in (
        *(("GET /novels/", 20.0), ("manage.py seed", 1000.0)),
        *(("GET /admin/perf/", 1000.0), ("GET /readyz", 1000.0)),
    ):
        spent.add_sample("morpheus_db_query_seconds_sum", {"route": route}, seconds)
    yield spent


def test_a_hit_avoids_the_average_load_of_verified_hits_or_else_of_all_loads() -> None:
    avoided, ratio = collect_cache_offload([*make_counters()])

    by_policy = {sample.labels["policy"]: sample.value for sample in avoided.samples}
    assert by_policy == {"card": 6.0, "new": 0.0, "page": 14.0}
    assert [sample.value for sample in ratio.samples] == [0.5]


def test_without_database_time_there_is_no_ratio() -> None:
    [avoided] = collect_cache_offload([])

    assert avoided.samples == []
