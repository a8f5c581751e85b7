"""Prometheus metrics of the connection pools."""

from __future__ import annotations

from prometheus_client import Counter, Gauge
from psycopg_pool import ConnectionPool

from morpheus.django_internals.django import list_pools

# By psycopg_pool's name of a figure: our name and help. `in_use` is computed.
GAUGES = {
    "pool_max": ("size_limit", "Connections that the pools may have."),
    "pool_size": ("size", "Connections that the pools have."),
    "in_use": ("in_use", "Connections that threads use, or that are being opened."),
    "pool_available": ("idle", "Connections that are not in use."),
    "requests_waiting": ("waiting", "Threads that wait for a connection."),
}
COUNTERS = {
    "requests_num": ("requests", "Requests for a connection."),
    "requests_queued": ("queued", "Requests for a connection that had to wait."),
    "requests_errors": ("timeouts", "Requests for a connection that failed: pool timeout or full."),
    "connections_errors": ("connect_errors", "Attempts to connect that failed."),
    "connections_lost": ("lost", "Connections that were broken."),
}
SECONDS = {
    "requests_wait_ms": ("wait_seconds", "Time that threads waited for connections (pool wait)."),
    "usage_ms": ("usage_seconds", "Time that connections were in use."),
}

# A gauge is the sum of all processes.
_gauges = {
    key: Gauge(f"morpheus_db_pool_{name}", text, ["alias"], multiprocess_mode="livesum")
    for key, (name, text) in GAUGES.items()
}
_counters = {
    key: (Counter(f"morpheus_db_pool_{name}", text, ["alias"]), divisor)
    for source, divisor in ((COUNTERS, 1), (SECONDS, 1000))
    for key, (name, text) in source.items()
}
# By alias: the pool and its figures at the last collection. A new pool starts at zero.
_collected: dict[str, tuple[ConnectionPool, dict[str, int]]] = {}


def collect_pool_metrics() -> None:
    """Set the gauges and increase the counters; opens no pool and costs no query."""
    pools = list_pools()
    for alias in _collected.keys() - pools.keys():
        del _collected[alias]
        for gauge in _gauges.values():
            gauge.labels(alias).set(0)
    for alias, pool in pools.items():
        stats = pool.get_stats()
        stats["in_use"] = stats["pool_size"] - stats["pool_available"]
        last_pool, last = _collected.get(alias, (None, {}))
        if last_pool is not pool:
            last = {}
        _collected[alias] = (pool, stats)
        for key, gauge in _gauges.items():
            gauge.labels(alias).set(stats.get(key, 0))
        for key, (counter, divisor) in _counters.items():
            growth = stats.get(key, 0) - last.get(key, 0)
            counter.labels(alias).inc(max(growth, 0) / divisor)
