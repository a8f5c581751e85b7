"""Prometheus metrics of the cache, by policy."""

from __future__ import annotations

from functools import cache

from prometheus_client import Counter

from morpheus.cache.policies import CachePolicy

_lookups = Counter(
    "morpheus_cache_requests_total",
    "Lookups of values, by policy and outcome: hit, miss, joined (another thread loaded it), "
    "write_intent (a writer was committing), bypass (in a transaction, or cache not usable).",
    ["policy", "outcome"],
)
loads = Counter(
    "morpheus_cache_loads_total",
    "Values loaded from the database while the cache was usable, by policy.",
    ["policy"],
)
load_seconds = Counter(
    "morpheus_cache_load_seconds_total", "Seconds that loading took, by policy.", ["policy"]
)
load_database_seconds = Counter(
    "morpheus_cache_load_database_seconds_total",
    "Part of the loading seconds that the database took, by policy.",
    ["policy"],
)
writes = Counter(
    "morpheus_cache_writes_total",
    "Transactions that changed cached values, by outcome: invalidated (before the response), "
    "deferred (to the outbox).",
    ["outcome"],
)
invalidations = Counter(
    "morpheus_cache_invalidations_total", "Tags that were invalidated, by writes of any kind."
)
verified = Counter(
    "morpheus_cache_shadowed_total",
    "Hits that shadow verification computed again, by policy and outcome: same, changed (since "
    "the hit), stale, failed.",
    ["policy", "outcome"],
)
verification_seconds = Counter(
    "morpheus_cache_shadowed_seconds_total",
    "Seconds that shadow verification took, by policy. Divided by its hits: what one hit saves.",
    ["policy"],
)
verification_database_seconds = Counter(
    "morpheus_cache_shadowed_database_seconds_total",
    "Part of the verification seconds that the database took, by policy.",
    ["policy"],
)


@cache
def _get_child(counter: Counter, *labels: str) -> Counter:
    # `labels()` takes as long as `inc()`. There are as many children as label combinations.
    return counter.labels(*labels)


def count_lookups(policy: CachePolicy, outcome: str, count: int) -> None:
    """Count lookups of values."""
    if count:
        _get_child(_lookups, policy.name, outcome).inc(count)
