"""The figures of both modes as tables and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from perf.lab.harness.measurements import percentile
from perf.lab.harness.tables import Table

from .database_time import KINDS
from .measure import Result
from .mix import READS

_MOST_STATEMENTS = 5
# Outcomes of a cache lookup that cost the database nothing.
_HITS = ("hit", "joined")

# Title, and the cell of a mode, given its result and that of the mode without a cache.
Line = tuple[str, Callable[[Result, Result], str]]
LINES: tuple[Line, ...] = (
    ("requests", lambda mode, off: f"{mode.requests:,}"),
    ("errors", lambda mode, off: f"{mode.outcome.errors.total():,}"),
    ("refused and sent again", lambda mode, off: f"{mode.outcome.retries:,}"),
    ("304 Not Modified", lambda mode, off: f"{mode.outcome.statuses[304]:,}"),
    ("requests/s", lambda mode, off: f"{mode.requests / mode.seconds:,.0f}"),
    ("p50 ms", lambda mode, off: f"{percentile(mode.all_ms(), 0.5):.2f}"),
    ("p99 ms", lambda mode, off: f"{percentile(mode.all_ms(), 0.99):.1f}"),
    ("database s", lambda mode, off: f"{mode.database_ms() / 1000:,.1f}"),
    *[
        (f"  {kind}", lambda mode, off, kind=kind: f"{mode.database_ms(kind) / 1000:,.1f}")
        for kind in KINDS
    ],
    ("queries per request", lambda mode, off: f"{mode.queries / mode.requests:.3f}"),
    ("offload", lambda mode, off: f"{offload(mode, off):.1%}"),
    ("  of reads alone", lambda mode, off: f"{offload(mode, off, 'read'):.1%}"),
    ("  by buffers", lambda mode, off: f"{1 - mode.buffers / max(1, off.buffers):.1%}"),
    ("  in the second half", lambda mode, off: f"{late_offload(mode, off):.1%}"),
    ("Redis hits", lambda mode, off: _format_redis_share(mode)),
    ("Redis evictions", lambda mode, off: f"{mode.redis['evicted_keys']:,}"),
)


def offload(mode: Result, off: Result, *kinds: str) -> float:
    """Return the share of database time that a mode saves, for some kinds of statements or all."""
    return 1 - mode.database_ms(*kinds) / max(off.database_ms(*kinds), 1e-9)


def late_offload(mode: Result, off: Result) -> float:
    """Return the share saved in the second half of the run, with a warmer cache."""
    return 1 - _late_ms_per_request(mode) / max(_late_ms_per_request(off), 1e-9)


def format_results(results: Sequence[Result], first: Mapping[str, float]) -> Iterator[str]:
    """Yield the lines of all tables; the first result is that without a cache.

    Args:
        first: Shares of requests that no client sent before (`mix.first_request_shares`).
    """
    off = results[0]
    table = Table(["", *(f"cache {result.mode}" for result in results)])
    yield table.heading
    for title, format_cell in LINES:
        yield table.row(title, *(format_cell(result, off) for result in results))
    for result in results:
        yield from _format_policies(result)
        yield from _format_statements(result)
        yield from (f"{result.mode}: {example}" for example in result.outcome.examples)
    yield from _format_kinds(results, first)


def _format_kinds(results: Sequence[Result], first: Mapping[str, float]) -> Iterator[str]:
    """Yield the time that servers waited for the database, by kind of read.

    On a busy machine they wait for its processor, too.
    """
    names = [row.name for row in READS]
    modes = [cell for result in results[1:] for cell in (f"{result.mode} ms", "saved")]
    table = Table(["reads, waits for the database", "off ms", *modes, "sent first"], first_width=30)
    yield ""
    yield table.heading
    for title, kinds in [*((name, [name]) for name in names), ("all", names)]:
        off_ms, *others_ms = (
            sum(result.outcome.database_ms.get(kind, 0.0) for kind in kinds)
            / max(1, sum(result.outcome.sent[kind] for kind in kinds))
            for result in results
        )
        cells = [
            cell for ms in others_ms for cell in (f"{ms:.3f}", f"{1 - ms / max(off_ms, 1e-9):.1%}")
        ]
        share = f"{first[title]:.1%}" if title in first else ""
        yield table.row(title, f"{off_ms:.3f}", *cells, share)


def as_json(results: Sequence[Result]) -> dict[str, Any]:
    """Return all figures by mode; the first result is that without a cache."""
    return {result.mode: _as_json(result, results[0]) for result in results}


def _as_json(mode: Result, off: Result) -> dict[str, Any]:
    return {
        "requests": mode.requests,
        "seconds": mode.seconds,
        "errors": dict(mode.outcome.errors),
        "retries": mode.outcome.retries,
        "statuses": dict(mode.outcome.statuses),
        "p50_ms": percentile(mode.all_ms(), 0.5),
        "p99_ms": percentile(mode.all_ms(), 0.99),
        "database_ms": {kind: mode.database_ms(kind) for kind in KINDS},
        "buffers": mode.buffers,
        "queries": mode.queries,
        "offload": offload(mode, off),
        "offload_of_reads": offload(mode, off, "read"),
        "offload_of_second_half": late_offload(mode, off),
        "parts": mode.parts,
        "policies": {name: dict(outcomes) for name, outcomes in mode.policies.items()},
        "redis": mode.redis,
        "kinds": {
            name: {
                "requests": len(ms),
                "p50_ms": percentile(ms, 0.5),
                "p99_ms": percentile(ms, 0.99),
                "database_ms": mode.outcome.database_ms.get(name, 0.0),
            }
            for name, ms in sorted(mode.outcome.ms.items())
        },
        "statements": [asdict(statement) for statement in mode.statements[:100]],
    }


def _late_ms_per_request(mode: Result) -> float:
    middle, middle_ms = mode.parts[len(mode.parts) // 2 - 1] if len(mode.parts) > 1 else (0, 0.0)
    end, end_ms = mode.parts[-1]
    return (end_ms - middle_ms) / max(end - middle, 1)


def _format_redis_share(mode: Result) -> str:
    hits, misses = mode.redis["keyspace_hits"], mode.redis["keyspace_misses"]
    return f"{hits / (hits + misses):.1%}" if hits + misses else "none"


def _format_policies(mode: Result) -> Iterator[str]:
    if not mode.policies:
        return
    table = Table([f"cache {mode.mode}, lookups", "hits"], first_width=30)
    yield ""
    yield table.heading
    for name, outcomes in sorted(mode.policies.items(), key=lambda pair: -pair[1].total()):
        hits = sum(outcomes[word] for word in _HITS)
        counts = ", ".join(f"{word} {count:,}" for word, count in sorted(outcomes.items()))
        yield table.row(name, f"{hits / max(1, outcomes.total()):.1%}", counts)


def _format_statements(mode: Result) -> Iterator[str]:
    table = Table([f"cache {mode.mode}, statements", "s", "calls"], first_width=60)
    yield ""
    yield table.heading
    for statement in mode.statements[:_MOST_STATEMENTS]:
        text = " ".join(statement.text.split())[:60]
        yield table.row(text, f"{statement.ms / 1000:.1f}", f"{statement.calls:,}")
