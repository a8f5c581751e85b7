"""Whether the cache is in use, as Prometheus sees it."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from morpheus.cache.breaker import breakers
from morpheus.cache.engine import engine


class StateCollector(Collector):
    """Looks at this process when it is scraped; asks no server."""

    def collect(self) -> Iterator[Metric]:
        known = breakers()
        # Before the first read of this process nobody has looked.
        is_trusted = engine().is_trusted if engine.cache_info().currsize else True
        up = is_trusted and not any(breaker.is_open for breaker in known)
        yield GaugeMetricFamily(
            "morpheus_cache_up",
            "1 while cached values are read: the cache server answered when it was last asked, and "
            "all changes have reached it.",
            value=int(up),
        )
        yield CounterMetricFamily(
            "morpheus_cache_failures",
            "Times that the cache server was out of reach, or refused a command.",
            value=sum(breaker.failures for breaker in known),
        )
