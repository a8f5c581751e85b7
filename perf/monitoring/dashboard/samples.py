"""Reads the metrics of all server processes, as samples and histograms."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from prometheus_client.samples import Sample

from morpheus.http.metrics import collect_metrics


class Samples:
    """All values of one moment."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self.by_name: dict[str, list[Sample]] = defaultdict(list)
        for sample in samples:
            self.by_name[sample.name].append(sample)

    def sums(self, name: str, *by: str) -> dict[tuple[str, ...], float]:
        """Return the sums of the samples with this name, by labels."""
        sums: dict[tuple[str, ...], float] = defaultdict(float)
        for sample in self.by_name[name]:
            sums[_key(sample, by)] += sample.value
        return dict(sums)

    def total(self, name: str) -> float:
        """Return the sum of all samples with this name."""
        return sum(sample.value for sample in self.by_name[name])


def read_samples() -> Samples:
    """Return the metrics of all server processes since they started."""
    return Samples(sample for metric in collect_metrics() for sample in metric.samples)


@dataclass(frozen=True)
class Histogram:
    """Durations in buckets.

    Attributes:
        edges_ms: Upper edges of the buckets, ascending; the last is infinite.
        counts: The number of durations in each bucket.
    """

    edges_ms: tuple[float, ...]
    counts: tuple[float, ...]
    sum_ms: float

    @cached_property
    def count(self) -> float:
        return sum(self.counts)

    def percentile_ms(self, share: float) -> float | None:
        """Estimate a percentile by interpolation within its bucket; `share` is 0 to 1.

        A percentile in the last bucket is at least the last finite edge, which is returned.
        """
        if not self.count:
            return None
        rank, below, start = share * self.count, 0.0, 0.0
        for edge, count in zip(self.edges_ms, self.counts, strict=True):
            if below + count >= rank and count:
                if edge == float("inf"):
                    return start
                return start + (edge - start) * (rank - below) / count
            below, start = below + count, edge
        return start


def read_histograms(samples: Samples, name: str, *by: str) -> dict[tuple[str, ...], Histogram]:
    """Return the histograms of a metric in seconds, added up by labels."""
    buckets: dict[tuple[str, ...], dict[float, float]] = defaultdict(lambda: defaultdict(float))
    for sample in samples.by_name[f"{name}_bucket"]:
        buckets[_key(sample, by)][float(sample.labels["le"]) * 1000] += sample.value
    sums = samples.sums(f"{name}_sum", *by)
    return {key: _histogram(counts, sums.get(key, 0.0) * 1000) for key, counts in buckets.items()}


def add_histograms(histograms: list[Histogram]) -> Histogram:
    """Return the sum of histograms with the same edges."""
    counts = zip(*(histogram.counts for histogram in histograms), strict=True)
    total_ms = sum(histogram.sum_ms for histogram in histograms)
    return Histogram(histograms[0].edges_ms, tuple(map(sum, counts)), total_ms)


def _key(sample: Sample, by: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sample.labels.get(label, "") for label in by)


def _histogram(cumulative: dict[float, float], sum_ms: float) -> Histogram:
    edges = tuple(sorted(cumulative))
    counts, below = [], 0.0
    for edge in edges:
        # Processes are read one after another, so a later edge may be slightly older.
        counts.append(max(0.0, cumulative[edge] - below))
        below = cumulative[edge]
    return Histogram(edges, tuple(counts), sum_ms)
