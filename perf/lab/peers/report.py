"""What a run showed: a table for each route, and everything as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from .contestants import (
    CACHALOT,
    CONTESTANTS,
    DONE_WELL,
    NATURAL,
    NATURAL_KEPT,
    OURS_UNCACHED,
    OURS_WARM,
)
from .run import Comparison
from .turns import medians, ratio

_TITLES = {one.name: one.title for one in CONTESTANTS} | {"constant": "constant bytes"}
# Ours, and whom it is measured with.
PAIRS = (
    (OURS_UNCACHED.name, DONE_WELL.name),
    (OURS_UNCACHED.name, NATURAL.name),
    (OURS_UNCACHED.name, NATURAL_KEPT.name),
    (OURS_WARM.name, CACHALOT.name),
    (OURS_WARM.name, "constant"),
)


def lines(one: Comparison) -> Iterator[str]:
    """Yield the table of one comparison."""
    yield ""
    heading = f"{one.route.name}, {one.connections} connections"
    yield f"{heading:<30}{'requests/s':>12}{'p99 ms':>10}{'CPU µs':>10}"
    for name, rounds in one.rounds.items():
        middle = medians(rounds)
        yield (
            f"{_TITLES[name]:<30}{middle.per_second:>12,.0f}{middle.p99_ms:>10,.1f}"
            f"{middle.cpu_us:>10,.0f}"
        )
    for limit in one.limits:
        found = "not there" if limit.per_second is None else f"{limit.per_second:,.0f}"
        yield f"{limit.program:<30}{found:>12}"
    for ours, theirs in PAIRS:
        times = ratios(one, ours, theirs)
        yield (
            f"  {_TITLES[ours]} ÷ {_TITLES[theirs]}: "
            f"{times['per_second']:.2f} × requests/s, {times['cpu']:.2f} × answers per CPU second"
        )


def ratios(one: Comparison, ours: str, theirs: str) -> dict[str, float]:
    """Return how many times as many answers ours gives, per second and per second of CPU."""
    us, them = one.rounds[ours], one.rounds[theirs]
    return {
        "per_second": ratio([f.per_second for f in us], [f.per_second for f in them]),
        "cpu": ratio([f.cpu_us for f in them], [f.cpu_us for f in us]),
    }


def as_json(found: Sequence[Comparison]) -> list[dict[str, Any]]:
    """Return all figures, those of each round too."""
    return [
        {
            "route": asdict(one.route),
            "connections": one.connections,
            "medians": {name: asdict(medians(rounds)) for name, rounds in one.rounds.items()},
            "ratios": {f"{a} / {b}": ratios(one, a, b) for a, b in PAIRS},
            "limits": {limit.program: limit.per_second for limit in one.limits},
            "rounds": {name: [asdict(f) for f in rounds] for name, rounds in one.rounds.items()},
        }
        for one in found
    ]
