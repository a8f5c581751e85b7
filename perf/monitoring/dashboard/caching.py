"""What the cache did, by policy, and the database time that it saved."""

from __future__ import annotations

from dataclasses import dataclass

from perf.monitoring.dashboard.latency import query_seconds
from perf.monitoring.dashboard.metrics import Samples

# Where values came from; the first two cost no database time.
OUTCOMES = ("hit", "joined", "miss", "write_intent", "bypass")
_FREE = OUTCOMES[:2]


@dataclass(frozen=True, slots=True)
class PolicyUse:
    """A policy since the servers started.

    Attributes:
        outcomes: How many values came from where, by OUTCOMES.
        saved_seconds: Database time that hits avoided (perf/monitoring/queries/derived.py).
        stale: Hits that were computed again and found older than they may be.
    """

    policy: str
    outcomes: dict[str, float]
    loads: float
    load_seconds: float
    saved_seconds: float
    shadowed: float
    stale: float

    @property
    def requests(self) -> float:
        return sum(self.outcomes.values())

    @property
    def free(self) -> float:
        """Values that cost no database time."""
        return sum(self.outcomes.get(name, 0) for name in _FREE)

    @property
    def hit_ratio(self) -> float | None:
        return self.free / self.requests if self.requests else None

    @property
    def load_ms(self) -> float | None:
        """The database time that loading one value takes."""
        return self.load_seconds / self.loads * 1000 if self.loads else None


@dataclass(frozen=True, slots=True)
class Offload:
    """The database time that the cache saved, beside what was spent."""

    saved_seconds: float
    spent_seconds: float

    @property
    def ratio(self) -> float | None:
        everything = self.saved_seconds + self.spent_seconds
        return self.saved_seconds / everything if everything else None


def policies(found: Samples) -> list[PolicyUse]:
    """Return every policy that was asked for, by name."""
    loads = found.sums("morpheus_cache_loads_total", "policy")
    seconds = found.sums("morpheus_cache_load_database_seconds_total", "policy")
    saved = found.sums("morpheus_cache_avoided_seconds", "policy")
    shadowed = found.sums("morpheus_cache_shadowed_total", "policy", "outcome")
    outcomes: dict[str, dict[str, float]] = {}
    for (policy, outcome), count in found.sums(
        "morpheus_cache_requests_total", "policy", "outcome"
    ).items():
        outcomes.setdefault(policy, {})[outcome] = count
    return [
        PolicyUse(
            policy,
            counts,
            loads.get((policy,), 0),
            seconds.get((policy,), 0),
            saved.get((policy,), 0),
            sum(count for (of, _), count in shadowed.items() if of == policy),
            shadowed.get((policy, "stale"), 0),
        )
        for policy, counts in sorted(outcomes.items())
    ]


def offload(found: Samples) -> Offload:
    """Return what the cache saved, and what all statements of requests took."""
    return Offload(found.total("morpheus_cache_avoided_seconds"), query_seconds(found))


def writes(found: Samples) -> dict[str, float]:
    """Return how many transactions changed cached values, by how the cache heard of it."""
    sums = found.sums("morpheus_cache_writes_total", "outcome")
    return {outcome: count for (outcome,), count in sorted(sums.items())}
