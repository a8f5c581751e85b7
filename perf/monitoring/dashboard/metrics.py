"""What the processes of the server measured, as the pages ask for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from morpheus.http.metrics import collect_metrics


@dataclass(frozen=True, slots=True)
class Sample:
    """One figure of a metric."""

    name: str
    labels: dict[str, str]
    value: float


class Samples:
    """All figures of one moment."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._by_name: dict[str, list[Sample]] = defaultdict(list)
        for sample in samples:
            self._by_name[sample.name].append(sample)

    def of(self, name: str) -> list[Sample]:
        """Return the figures of this name; none where nothing was measured."""
        return self._by_name.get(name, [])

    def sums(self, name: str, *by: str) -> dict[tuple[str, ...], float]:
        """Return the figures of this name, added up by these labels."""
        found: dict[tuple[str, ...], float] = defaultdict(float)
        for sample in self.of(name):
            found[tuple(sample.labels.get(label, "") for label in by)] += sample.value
        return dict(found)

    def total(self, name: str) -> float:
        """Return the sum of all figures of this name."""
        return sum(sample.value for sample in self.of(name))


def samples() -> Samples:
    """Return what all processes of the server have measured since they started."""
    return Samples(_all())


def _all() -> Iterator[Sample]:
    for metric in collect_metrics():
        for sample in metric.samples:
            yield Sample(sample.name, sample.labels, sample.value)


@dataclass(frozen=True)
class Histogram:
    """How often something took how long.

    Attributes:
        edges_ms: Upper ends of the buckets, ascending; the last is infinite.
        counts: What fell into each bucket.
    """

    edges_ms: tuple[float, ...]
    counts: tuple[float, ...]
    sum_ms: float

    @cached_property
    def count(self) -> float:
        return sum(self.counts)

    @property
    def mean_ms(self) -> float | None:
        return self.sum_ms / self.count if self.count else None

    def percentile_ms(self, part: float) -> float | None:
        """Estimate the time that `part` (0 to 1) stayed below; within a bucket by proportion.

        What lies beyond the last edge counts as that edge: it is at least this much.
        """
        if not self.count:
            return None
        wanted, below, start = part * self.count, 0.0, 0.0
        for edge, count in zip(self.edges_ms, self.counts, strict=True):
            if below + count >= wanted and count:
                if edge == float("inf"):
                    return start
                return start + (edge - start) * (wanted - below) / count
            below, start = below + count, edge
        return start

    @property
    def is_open(self) -> bool:
        """Whether some of it took longer than the last edge tells."""
        return bool(self.counts) and self.counts[-1] > 0


def histograms(found: Samples, name: str, *by: str) -> dict[tuple[str, ...], Histogram]:
    """Return the histograms of a metric in seconds, added up by these labels."""
    buckets: dict[tuple[str, ...], dict[float, float]] = defaultdict(lambda: defaultdict(float))
    for sample in found.of(f"{name}_bucket"):
        key = tuple(sample.labels.get(label, "") for label in by)
        buckets[key][float(sample.labels["le"]) * 1000] += sample.value
    sums = found.sums(f"{name}_sum", *by)
    return {key: _histogram(counts, sums.get(key, 0.0) * 1000) for key, counts in buckets.items()}


def _histogram(cumulative: dict[float, float], sum_ms: float) -> Histogram:
    edges = tuple(sorted(cumulative))
    counts, below = [], 0.0
    for edge in edges:
        # Processes are read one after the other: a later edge may be a moment older.
        counts.append(max(0.0, cumulative[edge] - below))
        below = cumulative[edge]
    return Histogram(edges, tuple(counts), sum_ms)


def added(parts: list[Histogram]) -> Histogram:
    """Return the sum of histograms of one metric, which have the same edges."""
    counts = tuple(sum(column) for column in zip(*(one.counts for one in parts), strict=True))
    return Histogram(parts[0].edges_ms, counts, sum(one.sum_ms for one in parts))
