"""What the cache saved the database during a run, as the server tells in `/metrics`."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True, slots=True)
class DatabaseTime:
    """Seconds of the database that requests took, and that hits of the cache saved."""

    spent_s: float
    avoided_s: float

    def since(self, before: DatabaseTime) -> float | None:
        """Return the share that was saved since then; None if nothing was asked for."""
        spent_s = self.spent_s - before.spent_s
        avoided_s = self.avoided_s - before.avoided_s
        needed_s = spent_s + avoided_s
        return avoided_s / needed_s if needed_s > 0 else None


def database_time(host: str) -> DatabaseTime:
    """Ask the server."""
    with urlopen(f"{host}/metrics") as answer:  # noqa: S310 - the server under test
        text = answer.read().decode()
    spent_s = avoided_s = 0.0
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "morpheus_cache_avoided_seconds":
                avoided_s += sample.value
            elif sample.name == "morpheus_db_query_seconds_sum":
                # Commands and threads begin in lower case.
                if sample.labels["route"].partition(" ")[0].isupper():
                    spent_s += sample.value
    return DatabaseTime(spent_s, avoided_s)
