"""Whether the cache is in use, as Prometheus sees it."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

from morpheus.cache.breaker import breakers
from morpheus.cache.engine import engine

# With several processes, that of the one which is worst off.
_up = Gauge(
    "morpheus_cache_up",
    "1 while cached values are read: the cache server answered when it was last asked, and "
    "all changes have reached it.",
    multiprocess_mode="livemin",
)
_failures = Counter(
    "morpheus_cache_failures_total",
    "Times that the cache server was out of reach, or refused a command.",
)
_seen = 0


def collect_cache_metrics() -> None:
    """Look at this process; asks no server."""
    global _seen
    known = breakers()
    # Before the first read of this process nobody has looked; one that only writes never does.
    is_trusted = not engine.cache_info().currsize or engine().is_trusted
    _up.set(is_trusted and not any(breaker.is_open for breaker in known))
    failures = sum(breaker.failures for breaker in known)
    _failures.inc(max(failures - _seen, 0))
    _seen = failures
