"""The connection pool as Prometheus sees it."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.backends.postgresql.base import DatabaseWrapper
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from psycopg_pool import ConnectionPool

# What psycopg_pool counts, and what it is called here; milliseconds become seconds.
GAUGES = {
    "pool_max": ("size_limit", "Connections that the pool may have."),
    "pool_size": ("size", "Connections that the pool has."),
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


class PoolCollector(Collector):
    """Reads each pool of this process when it is scraped; opens none, so it costs no query."""

    def collect(self) -> Iterator[Metric]:
        pools = dict(DatabaseWrapper._connection_pools)  # type: ignore[attr-defined]
        stats = {alias: _stats(pool) for alias, pool in pools.items()}
        for key, (name, text) in GAUGES.items():
            gauge = GaugeMetricFamily(f"morpheus_db_pool_{name}", text, labels=["alias"])
            for alias, found in stats.items():
                gauge.add_metric([alias], found.get(key, 0))
            yield gauge
        for source, divisor in ((COUNTERS, 1), (SECONDS, 1000)):
            for key, (name, text) in source.items():
                counter = CounterMetricFamily(f"morpheus_db_pool_{name}", text, labels=["alias"])
                for alias, found in stats.items():
                    counter.add_metric([alias], found.get(key, 0) / divisor)
                yield counter


def _stats(pool: ConnectionPool) -> dict[str, int]:
    stats = pool.get_stats()
    in_use = stats["pool_size"] - stats["pool_available"]
    return stats | {"in_use": in_use}
