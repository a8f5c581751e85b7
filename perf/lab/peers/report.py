"""A table for each comparison, and all figures as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from perf.lab.harness.measurements import median_ratio
from perf.lab.harness.tables import Table

from .contestants import (
    CACHALOT,
    CONSTANT,
    CONTESTANTS,
    DONE_WELL,
    NATURAL,
    NATURAL_KEPT,
    OURS,
    OURS_WARM,
)
from .measure import Comparison

# A contestant of ours and the one that it is compared with.
PAIRS = (
    (OURS, DONE_WELL),
    (OURS, NATURAL),
    (OURS, NATURAL_KEPT),
    (OURS_WARM, CACHALOT),
    (OURS_WARM, CONSTANT),
)


def format_comparison(comparison: Comparison) -> Iterator[str]:
    """Yield the lines of one comparison."""
    title = f"{comparison.route.name}, {comparison.connections} connections"
    table = Table([title, "requests/s", "p99 ms", "CPU µs"], first_width=30)
    yield ""
    yield table.heading
    for contestant in (*CONTESTANTS, CONSTANT):
        figures = comparison.medians(contestant.name)
        yield table.row(
            contestant.title,
            f"{figures.per_second:,.0f}",
            f"{figures.p99_ms:,.1f}",
            f"{figures.cpu_us:,.0f}",
        )
    for limit in comparison.limits:
        is_missing = limit.per_second is None
        yield table.row(limit.program, "missing" if is_missing else f"{limit.per_second:,.0f}")
    for ours, theirs in PAIRS:
        ratios = compute_ratios(comparison, ours.name, theirs.name)
        yield (
            f"  {ours.title} ÷ {theirs.title}: {ratios['per_second']:.2f} × requests/s, "
            f"{ratios['cpu']:.2f} × responses per CPU second"
        )


def compute_ratios(comparison: Comparison, ours: str, theirs: str) -> dict[str, float]:
    """Return ours ÷ theirs, in responses per second and per second of CPU."""
    us, them = comparison.rounds[ours], comparison.rounds[theirs]
    return {
        "per_second": median_ratio([f.per_second for f in us], [f.per_second for f in them]),
        "cpu": median_ratio([f.cpu_us for f in them], [f.cpu_us for f in us]),
    }


def as_json(comparisons: Sequence[Comparison]) -> list[dict[str, Any]]:
    """Return all figures, those of each round included."""
    return [
        {
            "route": {"name": each.route.name, "path": each.route.request.path},
            "connections": each.connections,
            "medians": {name: asdict(each.medians(name)) for name in each.rounds},
            "ratios": {
                f"{ours.name} / {theirs.name}": compute_ratios(each, ours.name, theirs.name)
                for ours, theirs in PAIRS
            },
            "limits": {limit.program: limit.per_second for limit in each.limits},
            "rounds": {name: [asdict(f) for f in rounds] for name, rounds in each.rounds.items()},
        }
        for each in comparisons
    ]
