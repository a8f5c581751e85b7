"""Counters of the server in `/metrics`: database time, and waits for connections."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

# Not of the API.
_PROBES = ("/healthz", "/readyz", "/metrics")
_NAMES = {
    "morpheus_db_query_seconds_sum": "reads_s",
    "morpheus_cache_avoided_seconds": "avoided_s",
    "morpheus_db_pool_requests_total": "connections",
    "morpheus_db_pool_queued_total": "queued",
}


@dataclass(frozen=True, slots=True)
class ServerCounters:
    """Counters until now, or between two moments.

    Attributes:
        reads_s, writes_s: Database seconds that requests of the API took.
        avoided_s: Database seconds that cache hits saved.
        connections, queued: Connections that were requested, and that were not free at once.
    """

    reads_s: float
    writes_s: float
    avoided_s: float
    connections: float
    queued: float

    def since(self, before: ServerCounters) -> ServerCounters:
        """Return the difference to an earlier moment."""
        pairs = zip(astuple(self), astuple(before), strict=True)
        return ServerCounters(*(now - then for now, then in pairs))

    @property
    def offload(self) -> float | None:
        """Share of the reads' database time that the cache saved; None without requests."""
        return _share(self.avoided_s, self.reads_s)

    @property
    def offload_of_all(self) -> float | None:
        """The same share with writes, of which it saves nothing."""
        return _share(self.avoided_s, self.reads_s + self.writes_s)

    @property
    def queued_share(self) -> float:
        """Share of connections that requests waited for."""
        return self.queued / self.connections if self.connections else 0.0


def read_counters(url: str) -> ServerCounters:
    """Read the counters of a server."""
    sums = dict.fromkeys(["writes_s", *_NAMES.values()], 0.0)
    with urlopen(f"{url}/metrics") as response:  # noqa: S310 - a server that the caller chose
        families = [*text_string_to_metric_families(response.read().decode())]
    for sample in (sample for family in families for sample in family.samples):
        name = _NAMES.get(sample.name)
        if name == "reads_s":
            name = _kind(sample.labels["route"])
        if name is not None:
            sums[name] += sample.value
    return ServerCounters(**sums)


def _kind(route: str) -> str | None:
    """Return the field of a route's database time; None for probes, commands and threads."""
    method, _, path = route.partition(" ")
    if not method.isupper() or path in _PROBES:
        return None
    return "reads_s" if method == "GET" else "writes_s"


def _share(avoided_s: float, spent_s: float) -> float | None:
    needed_s = avoided_s + spent_s
    return avoided_s / needed_s if needed_s > 0 else None
