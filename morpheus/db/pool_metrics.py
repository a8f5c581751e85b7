"""The connection pool as Prometheus sees it."""

from __future__ import annotations

from prometheus_client import Counter, Gauge
from psycopg_pool import ConnectionPool

from morpheus.django_internals.django import list_pools

# What psycopg_pool counts, and what it is called here; milliseconds become seconds.
GAUGES = {
    "pool_max": ("size_limit", "Connections that the pools may have."),
    "pool_size": ("size", "Connections that the pools have."),
    "in_use": ("in_use", "Connections that threads use, or that are being opened."),
    "pool_available": ("idle", "Connections that nobody uses at this moment."),
    "requests_waiting": ("waiting", "Threads that wait for a connection."),
}
COUNTERS = {
    "requests_num": ("requests", "Connections asked for."),
    "requests_queued": ("queued", "Connections that were not there at once."),
    "requests_errors": ("timeouts", "Connections not got: waited too long, or the queue was full."),
    "connections_errors": ("connect_errors", "Attempts to connect that failed."),
    "connections_lost": ("lost", "Connections that were found broken."),
}
SECONDS = {
    "requests_wait_ms": ("wait_seconds", "Time that threads waited for connections."),
    "usage_ms": ("usage_seconds", "Time that connections were in use."),
}

# Gauges are the sum of all living processes.
_gauges = {
    key: Gauge(f"morpheus_db_pool_{name}", text, ["alias"], multiprocess_mode="livesum")
    for key, (name, text) in GAUGES.items()
}
_counters = {
    key: (Counter(f"morpheus_db_pool_{name}", text, ["alias"]), divisor)
    for source, divisor in ((COUNTERS, 1), (SECONDS, 1000))
    for key, (name, text) in source.items()
}
# What each pool had counted when it was last looked at. By alias: whoever closes a pool and opens
# another begins at nothing.
_seen: dict[str, tuple[ConnectionPool, dict[str, int]]] = {}


def collect_pool_metrics() -> None:
    """Set the gauges and count what grew; opens no pool, so it costs no query."""
    pools = list_pools()
    for alias in _seen.keys() - pools.keys():
        del _seen[alias]
        for gauge in _gauges.values():
            gauge.labels(alias).set(0)
    for alias, pool in pools.items():
        found = _stats(pool)
        before = _seen.get(alias)
        grown_from = before[1] if before and before[0] is pool else {}
        _seen[alias] = (pool, found)
        for key, gauge in _gauges.items():
            gauge.labels(alias).set(found.get(key, 0))
        for key, (counter, divisor) in _counters.items():
            growth = found.get(key, 0) - grown_from.get(key, 0)
            counter.labels(alias).inc(max(growth, 0) / divisor)


def _stats(pool: ConnectionPool) -> dict[str, int]:
    stats = pool.get_stats()
    in_use = stats["pool_size"] - stats["pool_available"]
    return stats | {"in_use": in_use}
