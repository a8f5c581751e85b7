"""Counters of the server in `/metrics`: database time, and waits for connections."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

_NAMES = {
    "morpheus_db_query_seconds_sum": "database_s",
    "morpheus_cache_avoided_seconds": "avoided_s",
    "morpheus_db_pool_requests_total": "connections",
    "morpheus_db_pool_queued_total": "queued",
}


@dataclass(frozen=True, slots=True)
class ServerCounters:
    """Counters until now, or between two moments.

    Attributes:
        database_s, avoided_s: Database seconds that requests took, and that cache hits saved.
        connections, queued: Connections that were requested, and that were not free at once.
    """

    database_s: float
    avoided_s: float
    connections: float
    queued: float

    def since(self, before: ServerCounters) -> ServerCounters:
        """Return the difference to an earlier moment."""
        pairs = zip(astuple(self), astuple(before), strict=True)
        return ServerCounters(*(now - then for now, then in pairs))

    @property
    def offload(self) -> float | None:
        """Share of database time that the cache saved; None without requests."""
        needed_s = self.database_s + self.avoided_s
        return self.avoided_s / needed_s if needed_s > 0 else None

    @property
    def queued_share(self) -> float:
        """Share of connections that requests waited for."""
        return self.queued / self.connections if self.connections else 0.0


def read_counters(url: str) -> ServerCounters:
    """Read the counters of a server."""
    sums = dict.fromkeys(_NAMES.values(), 0.0)
    with urlopen(f"{url}/metrics") as response:  # noqa: S310 - a server that the caller chose
        families = [*text_string_to_metric_families(response.read().decode())]
    for sample in (sample for family in families for sample in family.samples):
        name = _NAMES.get(sample.name)
        # Routes of commands and threads begin in lower case.
        if name == "database_s" and not sample.labels["route"].partition(" ")[0].isupper():
            continue
        if name is not None:
            sums[name] += sample.value
    return ServerCounters(**sums)
