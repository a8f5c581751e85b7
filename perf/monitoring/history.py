"""The main figures of the last hour, day and week, from samples that every server stores.

A sample has the counters of one server since its start, so a lost sample makes a figure coarser and
not wrong. The figures of a time are the growth of the counters of all servers.
"""

from __future__ import annotations

import logging
import os
import socket
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import inf
from pathlib import Path
from typing import Any

import orjson
from django.db import DatabaseError, connection
from django.utils import timezone

from morpheus.worker.housekeeping import delete_in_batches
from perf.models import MetricsSample
from perf.monitoring.dashboard.measurements import (
    REQUESTS,
    Latency,
    Offload,
    limit_of,
    measure_offload,
    measure_pools,
)
from perf.monitoring.dashboard.samples import Histogram, read_histograms, read_samples
from perf.monitoring.statistics.limited_queries import fetch_rows

logger = logging.getLogger(__name__)

INTERVAL = timedelta(minutes=5)
# A week, and the samples that its first figures are compared with.
ROW_AGE = timedelta(days=8)
# The length of each window, and of the parts that its charts show.
WINDOWS = {
    "hour": (timedelta(hours=1), INTERVAL),
    "day": (timedelta(days=1), timedelta(hours=1)),
    "week": (timedelta(days=7), timedelta(hours=6)),
}

# The last sample of each server in each part of the window; part -1 is before the window. Figures
# are large, so only those of the found rows are read: by the key, also without statistics.
_SAMPLES = """
SELECT source, part,
       (SELECT figures::text FROM perf_metricssample sample WHERE sample.id = found.id) AS figures
FROM (
    SELECT DISTINCT ON (source, part) id, source, part
    FROM perf_metricssample, LATERAL (
        SELECT greatest(-1, floor(
            extract(epoch FROM taken_at - %s - interval '1 microsecond') / extract(epoch FROM %s)
        ))::int AS part
    ) parts
    ORDER BY source, part, taken_at DESC
) found
ORDER BY source, part
"""
_stored_at: datetime | None = None


@dataclass
class Figures:
    """The figures of one stretch of time.

    Attributes:
        counts: Growth of each counter: of `avoided`, `spent`, `slow`, `timeouts`, and of the
            requests by route and bucket.
        fill: The greatest share of the pool that was in use when a sample was taken.
    """

    counts: Counter[tuple[str, int]] = field(default_factory=Counter)
    fill: float | None = None

    @property
    def offload(self) -> float | None:
        return Offload(self.counts["avoided", 0], self.counts["spent", 0]).ratio

    @property
    def slow(self) -> float:
        return self.counts["slow", 0]

    @property
    def timeouts(self) -> float:
        return self.counts["timeouts", 0]

    def histogram(self, route: str, edges_ms: tuple[float, ...]) -> Histogram:
        counts = tuple(float(self.counts[route, number]) for number in range(len(edges_ms)))
        return Histogram(edges_ms, counts, 0.0)


@dataclass(frozen=True)
class RouteHistory(Latency):
    """A route in a window; `parts` has the p95 of each part."""

    route: str
    parts: list[float | None]


@dataclass(frozen=True)
class History:
    """A window: its figures as a whole and in parts, and its routes."""

    whole: Figures
    parts: list[Figures]
    routes: list[RouteHistory]

    @property
    def offloads(self) -> list[float | None]:
        return [part.offload for part in self.parts]

    @property
    def fills(self) -> list[float | None]:
        return [part.fill for part in self.parts]

    @property
    def timeouts(self) -> list[float]:
        return [part.timeouts for part in self.parts]

    @property
    def slow(self) -> list[float]:
        return [part.slow for part in self.parts]


def store_sample() -> None:
    """Store this server's sample, unless one of its processes stored it in this interval."""
    global _stored_at
    now = timezone.now()
    taken_at = now - (now - datetime.min.replace(tzinfo=now.tzinfo)) % INTERVAL
    if taken_at == _stored_at:
        return
    try:
        if (figures := _read_figures())["routes"]:
            row = MetricsSample(source=_source(), taken_at=taken_at, figures=figures)
            MetricsSample.objects.bulk_create([row], ignore_conflicts=True)
            _stored_at = taken_at
    except DatabaseError as error:
        logger.warning("The sample of the metrics was not stored: %s", error)
    finally:
        connection.close()


def delete_old_samples() -> int:
    """Delete the samples that no window needs; return how many."""
    return delete_in_batches(MetricsSample.objects.filter(taken_at__lt=timezone.now() - ROW_AGE))


def read_history(window: str) -> History:
    """Return the figures of one of WINDOWS: one statement.

    Raises:
        StatisticsUnavailable: The samples could not be read.
    """
    length, part_length = WINDOWS[window]
    rows = fetch_rows(_SAMPLES, [timezone.now() - length, part_length])
    whole, parts = Figures(), [Figures() for _ in range(length // part_length)]
    edges: tuple[float, ...] = ()
    before: dict[str, Counter[tuple[str, int]]] = defaultdict(Counter)
    for row in rows:
        figures = orjson.loads(row.figures)
        edges = (*figures["edges_ms"], inf)
        counts = _count(figures)
        if row.part >= 0:
            # Only growth: the subtraction drops negative differences.
            growth = counts - before[row.source]
            for each in (whole, parts[row.part]):
                each.counts += growth
                each.fill = max(each.fill or 0.0, figures["fill"])
        before[row.source] = counts
    names = sorted({name for name, _ in whole.counts if " " in name})
    return History(whole, parts, [_route(name, edges, whole, parts) for name in names])


def _route(
    name: str, edges: tuple[float, ...], whole: Figures, parts: list[Figures]
) -> RouteHistory:
    p95s = [part.histogram(name, edges).percentile_ms(0.95) for part in parts]
    return RouteHistory(whole.histogram(name, edges), limit_of(name), name, p95s)


def _read_figures() -> dict[str, Any]:
    samples = read_samples()
    histograms = read_histograms(samples, REQUESTS, "route")
    offload, pools = measure_offload(samples), measure_pools(samples)
    return {
        # JSON has no infinity: the last edge.
        "edges_ms": next((times.edges_ms[:-1] for times in histograms.values()), ()),
        "routes": {route: times.counts for (route,), times in histograms.items() if times.count},
        "avoided": offload.avoided_seconds,
        "spent": offload.spent_seconds,
        "slow": samples.total("morpheus_db_slow_queries_total"),
        "timeouts": sum(pool.timeouts for pool in pools),
        "fill": max((pool.fill or 0.0 for pool in pools), default=0.0),
    }


def _count(figures: dict[str, Any]) -> Counter[tuple[str, int]]:
    counts = {(name, 0): figures[name] for name in ("avoided", "spent", "slow", "timeouts")}
    for route, buckets in figures["routes"].items():
        counts.update({(route, number): count for number, count in enumerate(buckets)})
    return Counter(counts)


def _source() -> str:
    """Return a name of this server since its start: its counters began with it."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    return f"{socket.gethostname()} {Path(folder).name if folder else os.getpid()}"
