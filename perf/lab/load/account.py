"""What the server tells of a run in `/metrics`: the database's time, and waits for connections."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True, slots=True)
class Account:
    """What has been counted until now, or between two moments.

    Attributes:
        spent_s, avoided_s: Seconds of the database that requests took, and that hits of the cache
            saved.
        connections, queued: How often a connection was asked for, and was not there at once.
    """

    spent_s: float
    avoided_s: float
    connections: float
    queued: float

    def since(self, before: Account) -> Account:
        """Return what was counted between then and now."""
        return Account(
            self.spent_s - before.spent_s,
            self.avoided_s - before.avoided_s,
            self.connections - before.connections,
            self.queued - before.queued,
        )

    @property
    def saved(self) -> float | None:
        """Share of the database's time that the cache saved; None if nothing was asked for."""
        needed_s = self.spent_s + self.avoided_s
        return self.avoided_s / needed_s if needed_s > 0 else None

    @property
    def waited(self) -> float:
        """Share of connections that were waited for."""
        return self.queued / self.connections if self.connections else 0.0


def account(host: str) -> Account:
    """Ask the server."""
    with urlopen(f"{host}/metrics") as answer:  # noqa: S310 - the server under test
        text = answer.read().decode()
    names = {
        "morpheus_db_query_seconds_sum": "spent_s",
        "morpheus_cache_avoided_seconds": "avoided_s",
        "morpheus_db_pool_requests_total": "connections",
        "morpheus_db_pool_queued_total": "queued",
    }
    sums = dict.fromkeys(names.values(), 0.0)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name = names.get(sample.name)
            # Commands and threads begin in lower case.
            if name == "spent_s" and not sample.labels["route"].partition(" ")[0].isupper():
                continue
            if name is not None:
                sums[name] += sample.value
    return Account(**sums)
