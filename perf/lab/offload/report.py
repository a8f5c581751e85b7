"""What the run showed: one table, and everything as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from perf.lab.walk import percentile

from .database_time import KINDS
from .measure import Result
from .mix import READS

DEAREST = 5

# Outcomes of the cache that cost the database nothing.
_HITS = ("hit", "joined")

# Title, and how it is made of a mode's result and of that without a cache.
Line = tuple[str, Callable[[Result, Result], str]]
LINES: tuple[Line, ...] = (
    ("requests", lambda one, off: f"{one.requests:,}"),
    ("errors", lambda one, off: f"{one.errors:,}"),
    ("304 Not Modified", lambda one, off: f"{one.outcome.statuses[304]:,}"),
    ("requests/s", lambda one, off: f"{one.requests / one.seconds:,.0f}"),
    ("p50 ms", lambda one, off: f"{percentile(_all_ms(one), 0.5):.2f}"),
    ("p99 ms", lambda one, off: f"{percentile(_all_ms(one), 0.99):.1f}"),
    ("database s", lambda one, off: f"{one.database_ms() / 1000:,.1f}"),
    *[
        (f"  {kind}", lambda one, off, kind=kind: f"{one.database_ms(kind) / 1000:,.1f}")
        for kind in KINDS
    ],
    ("queries per request", lambda one, off: f"{one.queries / one.requests:.3f}"),
    ("offload", lambda one, off: f"{offload(one, off):.1%}"),
    ("  of reads alone", lambda one, off: f"{offload(one, off, 'read'):.1%}"),
    ("  by pages looked at", lambda one, off: f"{1 - one.buffers() / max(1, off.buffers()):.1%}"),
    ("  in the second half", lambda one, off: f"{late_offload(one, off):.1%}"),
    ("Redis hits", lambda one, off: _redis_share(one)),
    ("Redis evictions", lambda one, off: f"{one.redis['evicted_keys']:,}"),
)


def offload(one: Result, off: Result, *kinds: str) -> float:
    """Return the share of the database's time that a mode saves, of some kinds or in all."""
    return 1 - one.database_ms(*kinds) / max(off.database_ms(*kinds), 1e-9)


def late_offload(one: Result, off: Result) -> float:
    """Return the share saved in the second half of the run, when the cache has been filled."""
    return 1 - _late_ms_per_request(one) / max(_late_ms_per_request(off), 1e-9)


def table(results: Sequence[Result]) -> Iterator[str]:
    """Yield the lines of the table; the first result is the one without a cache."""
    off = results[0]
    yield f"{'':<22}" + "".join(f"{one.mode.title:>24}" for one in results)
    for title, shown in LINES:
        yield f"{title:<22}" + "".join(f"{shown(one, off):>24}" for one in results)
    for one in results:
        yield from _policies(one)
        yield from _dearest(one)
        yield from (f"{one.mode.name}: {example}" for example in one.outcome.examples)


def by_kind(results: Sequence[Result], first: Mapping[str, float]) -> Iterator[str]:
    """Yield what reading requests cost by their kind, as the servers waited for the database.

    On a busy machine they wait for its processor, too. Beside it stands what was asked for the
    first time (`asked_first`), which no cache can know.
    """
    others = results[1:]
    names = [row.name for row in READS]
    yield "\nMilliseconds that a server waited for the database, for each reading request"
    titles = "".join(f"{one.mode.name:>10}{'saved':>8}" for one in others)
    yield f"  {'':<22}{'off':>10}{titles}{'asked first':>13}"
    for name in names:
        share = f"{first[name]:>13.1%}" if name in first else f"{'–':>13}"
        yield _kind(name, [name], results) + share
    yield _kind("all", names, results)


def _kind(title: str, names: Sequence[str], results: Sequence[Result]) -> str:
    off_ms, *others_ms = (
        sum(one.outcome.database_ms.get(name, 0.0) for name in names)
        / max(1, sum(one.outcome.sent[name] for name in names))
        for one in results
    )
    saved = (f"{ms:>10.3f}{1 - ms / max(off_ms, 1e-9):>8.1%}" for ms in others_ms)
    return f"  {title:<22}{off_ms:>10.3f}{''.join(saved)}"


def as_json(results: Sequence[Result]) -> dict[str, Any]:
    """Return all figures."""
    off = results[0]
    return {one.mode.name: _figures(one, off) for one in results}


def _figures(one: Result, off: Result) -> dict[str, Any]:
    return {
        "requests": one.requests,
        "seconds": one.seconds,
        "errors": dict(one.outcome.errors),
        "statuses": dict(one.outcome.statuses),
        "p50_ms": percentile(_all_ms(one), 0.5),
        "p99_ms": percentile(_all_ms(one), 0.99),
        "database_ms": {kind: one.database_ms(kind) for kind in KINDS},
        "buffers": one.buffers(),
        "queries": one.queries,
        "offload": offload(one, off),
        "offload_of_reads": offload(one, off, "read"),
        "offload_of_second_half": late_offload(one, off),
        "parts": one.parts,
        "policies": {name: dict(outcomes) for name, outcomes in one.policies.items()},
        "redis": one.redis,
        "kinds": {
            name: {
                "requests": len(ms),
                "p50_ms": percentile(ms, 0.5),
                "p99_ms": percentile(ms, 0.99),
                "database_ms": one.outcome.database_ms.get(name, 0.0),
            }
            for name, ms in sorted(one.outcome.ms.items())
        },
        "statements": [asdict(statement) for statement in one.statements[:100]],
    }


def _all_ms(one: Result) -> list[float]:
    return [ms for values in one.outcome.ms.values() for ms in values]


def _late_ms_per_request(one: Result) -> float:
    middle, middle_ms = one.parts[len(one.parts) // 2 - 1] if len(one.parts) > 1 else (0, 0.0)
    end, end_ms = one.parts[-1]
    return (end_ms - middle_ms) / max(end - middle, 1)


def _redis_share(one: Result) -> str:
    hits, misses = one.redis["keyspace_hits"], one.redis["keyspace_misses"]
    return f"{hits / (hits + misses):.1%}" if hits + misses else "–"


def _policies(one: Result) -> Iterator[str]:
    if one.policies:
        yield f"\n{one.mode.title}, hits by policy"
    for name, outcomes in sorted(one.policies.items(), key=lambda pair: -pair[1].total()):
        hits = sum(outcomes[word] for word in _HITS)
        said = ", ".join(f"{word} {count:,}" for word, count in sorted(outcomes.items()))
        yield f"  {name:<28} {hits / max(1, outcomes.total()):>7.1%}  {said}"


def _dearest(one: Result) -> Iterator[str]:
    yield f"\n{one.mode.title}, the dearest statements"
    for statement in one.statements[:DEAREST]:
        text = " ".join(statement.text.split())[:110]
        yield f"  {statement.ms / 1000:>8.1f} s {statement.calls:>9,} ×  {text}"
