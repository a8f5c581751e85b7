"""What the cache did, by policy, for `/metrics`."""

from __future__ import annotations

from functools import cache

from prometheus_client import Counter

from morpheus.cache.policies import CachePolicy

_requests = Counter(
    "morpheus_cache_requests_total",
    "Values asked for, by policy and by where they came from: hit, miss, joined (another thread "
    "loaded it), marked (a writer was committing), bypass (in a transaction, or cache not usable).",
    ["policy", "outcome"],
)
_loads = Counter(
    "morpheus_cache_loads_total", "Values loaded from the database, by policy.", ["policy"]
)
_load_seconds = Counter(
    "morpheus_cache_load_seconds_total", "Seconds that loading took, by policy.", ["policy"]
)
_load_database_seconds = Counter(
    "morpheus_cache_load_database_seconds_total",
    "Seconds of it that the database took, by policy.",
    ["policy"],
)
_writes = Counter(
    "morpheus_cache_writes_total",
    "Transactions that changed cached values, by how the cache heard of it: marked (before the "
    "answer), deferred (by the outbox).",
    ["outcome"],
)
_renewed = Counter(
    "morpheus_cache_invalidations_total", "Tags whose versions were ended, by writes of any kind."
)
_operations = Counter(
    "morpheus_django_cache_operations_total",
    "Keys of Django's caches (limits, reference tables) that were read or written, by alias and "
    "by outcome: hit, miss, write, failed.",
    ["alias", "outcome"],
)
_shadowed = Counter(
    "morpheus_cache_shadowed_total",
    "Hits that were computed again, by policy and by whether they were the same, changed since, "
    "stale, or failed.",
    ["policy", "outcome"],
)
_shadowed_seconds = Counter(
    "morpheus_cache_shadowed_seconds_total",
    "Seconds that computing hits again took, by policy; divided by their number, what one saves.",
    ["policy"],
)

_shadowed_database_seconds = Counter(
    "morpheus_cache_shadowed_database_seconds_total",
    "Seconds of it that the database took, by policy.",
    ["policy"],
)


@cache
def _child(counter: Counter, *labels: str) -> Counter:
    # Looking one up by its labels takes as long as using it; there are as many as in the counter.
    return counter.labels(*labels)


def requests(policy: CachePolicy, outcome: str, count: int) -> None:
    """Count values that were asked for."""
    if count:
        _child(_requests, policy.name, outcome).inc(count)


def loads(policy: CachePolicy, count: int, seconds: float, database_s: float) -> None:
    """Count values that were loaded, and what it took, of the database too."""
    _child(_loads, policy.name).inc(count)
    _child(_load_seconds, policy.name).inc(seconds)
    _child(_load_database_seconds, policy.name).inc(database_s)


def writes(outcome: str) -> None:
    """Count a transaction that changed cached values."""
    _child(_writes, outcome).inc()


def invalidations(count: int) -> None:
    """Count tags that were ended."""
    _renewed.inc(count)


def operations(alias: str, outcome: str, count: int = 1) -> None:
    """Count keys of one of Django's caches."""
    if count:
        _child(_operations, alias, outcome).inc(count)


def shadowed(policy: CachePolicy, outcome: str, count: int) -> None:
    """Count hits that were computed again."""
    _child(_shadowed, policy.name, outcome).inc(count)


def shadowed_seconds(policy: CachePolicy, seconds: float, database_s: float) -> None:
    """Count what it took to compute hits again, of the database too."""
    _child(_shadowed_seconds, policy.name).inc(seconds)
    _child(_shadowed_database_seconds, policy.name).inc(database_s)
