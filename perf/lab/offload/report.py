"""The figures of both modes as tables and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from perf.lab.harness.measurements import percentile
from perf.lab.harness.tables import Table

from .database_time import KINDS
from .measure import Result
from .mix import READS


def compute_figures(result: Result, off: Result) -> dict[str, float]:
    """Return the figures of a mode by name; `off` is the result without a cache."""
    ms = [each for values in result.outcome.ms.values() for each in values]
    queries = sum(each.calls for each in result.statements if each.kind in ("read", "write"))
    buffers, off_buffers = (sum(each.buffers for each in mode.statements) for mode in (result, off))
    hits, misses = result.redis["keyspace_hits"], result.redis["keyspace_misses"]
    return {
        "requests": len(ms),
        "failed requests": result.outcome.errors.total(),
        "refused, sent again": result.outcome.retries,
        "304 Not Modified": result.outcome.statuses[304],
        "requests/s": len(ms) / result.seconds,
        "p50 ms": percentile(ms, 0.5),
        "p99 ms": percentile(ms, 0.99),
        "database s": result.database_ms() / 1000,
        **{f"  {kind} s": result.database_ms(kind) / 1000 for kind in KINDS},
        "queries per request": queries / len(ms),
        "offload %": _compute_offload(result.database_ms(), off.database_ms()),
        "  of reads alone %": _compute_offload(result.database_ms("read"), off.database_ms("read")),
        "  by buffers %": _compute_offload(buffers, off_buffers),
        "Redis hits %": 100 * hits / max(1, hits + misses),
        "Redis evictions": result.redis["evicted_keys"],
    }


def _compute_offload(cost: float, off: float) -> float:
    """Return the percentage that a mode saves."""
    return 100 * (1 - cost / max(off, 1e-9))


def format_results(results: Sequence[Result]) -> Iterator[str]:
    """Yield the lines of all tables; the first result is that without a cache."""
    figures = [compute_figures(result, results[0]) for result in results]
    table = Table(["", *(f"cache {result.mode}" for result in results)])
    yield table.heading
    for name, value in figures[0].items():
        form = ",d" if isinstance(value, int) else ",.2f"
        yield table.row(name, *(f"{each[name]:{form}}" for each in figures))
    for result in results:
        yield from (f"{result.mode}: {example}" for example in result.outcome.examples)
    yield from _format_kinds(results)


def _format_kinds(results: Sequence[Result]) -> Iterator[str]:
    """Yield the time that servers waited for the database, by kind of read.

    On a busy machine they wait for its processor, too.
    """
    names = [row.name for row in READS]
    modes = [f"{result.mode} ms" for result in results]
    table = Table(["reads, waits for the database", *modes, "saved %"], first_width=30)
    yield ""
    yield table.heading
    for title, kinds in [*((name, [name]) for name in names), ("all", names)]:
        waits_ms = [
            sum(result.outcome.database_ms.get(kind, 0.0) for kind in kinds)
            / max(1, sum(len(result.outcome.ms.get(kind, ())) for kind in kinds))
            for result in results
        ]
        saved = f"{_compute_offload(waits_ms[-1], waits_ms[0]):.1f}"
        yield table.row(title, *(f"{ms:.3f}" for ms in waits_ms), saved)


def as_json(results: Sequence[Result]) -> dict[str, Any]:
    """Return all figures by mode; the first result is that without a cache."""
    return {
        result.mode: {
            "figures": compute_figures(result, results[0]),
            "errors": dict(result.outcome.errors),
            "statuses": dict(result.outcome.statuses),
            "requests": {name: len(ms) for name, ms in sorted(result.outcome.ms.items())},
            "database_ms": result.outcome.database_ms,
        }
        for result in results
    }
