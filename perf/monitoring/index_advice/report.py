"""Advice as text for a terminal: sentences with numbers, then what to commit."""

from __future__ import annotations

from collections.abc import Iterator

from perf.lab.plans.report import table
from perf.monitoring.index_advice.candidates import Candidate
from perf.monitoring.index_advice.migrations import Migration, Written, meta_line
from perf.monitoring.index_advice.trial import Trial
from perf.monitoring.index_advice.waste import (
    Superfluous,
    broken,
    collected,
    doubles,
    idle_foreign_keys,
    useless,
)
from perf.monitoring.index_advice.workload import Asked

# Of the statements that one index is for, so many are shown.
MAX_SHOWN = 12


def candidate_text(candidate: Candidate) -> str:
    """Return what is proposed, for whom, and why."""
    index = candidate.forms[0]
    lines = [f"── {index.name} on {candidate.table}"]
    if candidate.is_declared:
        lines.append(f"   {candidate.model.__name__} declares it; this database lacks it.")
    lines.append(f"   {meta_line(index)}")
    lines += [f"   for {_by(one)}" for one in candidate.asked[:MAX_SHOWN]]
    if len(candidate.asked) > MAX_SHOWN:
        lines.append(f"   and {len(candidate.asked) - MAX_SHOWN} more")
    lines += [f"   because {reason}" for reason in candidate.reasons[:MAX_SHOWN]]
    return "\n".join(lines)


def trial_text(trial: Trial) -> str:
    """Return the figures of a trial, and what follows from them."""
    headings = ["statement", "buffers", "after", "ms", "after", "plan", "after"]
    lines = [
        [
            one.by,
            f"{before.plan.buffers:,}",
            f"{after.plan.buffers:,}",
            f"{before.ms:.2f}",
            f"{after.ms:.2f}",
            before.nodes,
            after.nodes,
        ]
        for one, before, after in zip(trial.asked, trial.before, trial.after, strict=True)
    ][:MAX_SHOWN]
    text = [table(lines, headings)] if lines else []
    before, after = trial.buffers
    size = f"{trial.size_bytes / 1024:,.0f} kB"
    if not lines:
        text.append(f"Tried: {size}; there is no statement to measure it by.")
    elif trial.helps:
        text.append(f"It helps: {before:,} buffers become {after:,}. It takes {size}.")
    elif trial.is_used:
        text.append(f"It is not worth its writes: {before:,} buffers become {after:,}.")
    else:
        text.append(
            "The planner does not take it: other ways are as cheap, or the condition is not "
            "leakproof, which row level security keeps from indexes."
        )
    text += [_writes_text(trial), f"Writers of the table waited {trial.held_ms:,.0f} ms for it."]
    return "\n".join(f"   {line}" for one in text for line in one.splitlines())


def migration_text(migration: Migration) -> str:
    """Return a migration with its place."""
    lines = migration.text.splitlines()
    return "\n".join([f"   # {migration.path}", *(f"   {line}".rstrip() for line in lines)])


def foreign_key_texts() -> Iterator[str]:
    """Yield a sentence per foreign key without an index that nobody suffers from yet."""
    for key in idle_foreign_keys():
        yield (
            f"{key.table} ({', '.join(key.columns)}) refers to {key.references} without an index "
            f"of all rows: a DELETE there reads {key.rows:,} rows. None was deleted {collected()}."
        )


def drop_texts(written: Written) -> Iterator[str]:
    """Yield what could be dropped, with migrations; of what is unused only if that says enough."""
    for one in broken():
        yield (
            f"── {one.index} on {one.table} is INVALID: a concurrent build was interrupted. "
            f"As the owner: REINDEX INDEX CONCURRENTLY {one.index}"
        )
    yield from map(_drop_text, doubles(written))
    idle, since = useless(written), collected()
    if since.is_long:
        yield from map(_drop_text, idle)
    elif idle:
        size = sum(one.size_bytes for one in idle) / 1024
        yield (
            f"{len(idle)} indexes, {size:,.0f} kB, were not used; but uses are counted {since}: "
            f"too short to drop one for it. {', '.join(one.index for one in idle)}"
        )


def _drop_text(one: Superfluous) -> str:
    said = f"── {one.index} on {one.table}, {one.size_bytes / 1024:,.0f} kB, could go. {one.why}"
    return said if one.migration is None else f"{said}\n{migration_text(one.migration)}"


def _by(one: Asked) -> str:
    if not one.calls:
        return one.by
    return f"{one.by}: {one.calls:,} calls, {one.ms:,.0f} ms in all"


def _writes_text(trial: Trial) -> str:
    if trial.writes is None:
        return "What it costs writers could not be measured."
    without, with_it = trial.writes
    return (
        f"Inserting a row: {without.wal_bytes:,} bytes of log become {with_it.wal_bytes:,}, "
        f"{1e6 / without.rows_per_s:,.1f} µs become {1e6 / with_it.rows_per_s:,.1f} (best of runs)."
    )
