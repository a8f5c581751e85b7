"""All advice on one database: what would help, tried or not."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import DatabaseError
from django.db.models import Index

from perf.monitoring.index_advice.candidates import (
    Candidate,
    candidates,
    index_names,
    missing_declared,
)
from perf.monitoring.index_advice.looking import looks
from perf.monitoring.index_advice.migrations import Migration, Written, adding, restoring
from perf.monitoring.index_advice.needs import Need, needs
from perf.monitoring.index_advice.session import as_owner, undone
from perf.monitoring.index_advice.waste import of_foreign_keys
from perf.monitoring.index_advice.workload import Asked, Workload, shortened


def advised(work: Workload, *, with_foreign_keys: bool = True) -> tuple[list[Candidate], list[str]]:
    """Return the candidates for these statements, and what could not be looked at, in sentences.

    What the models declare and the database lacks is always one.
    """
    notes: list[str] = []
    with as_owner():
        wanted = [(asked, need) for asked in work.asked for need in _needs(asked, notes)]
    found = candidates(wanted)
    if with_foreign_keys:
        names = {one.forms[0].name: one for one in found}
        for candidate in of_foreign_keys():
            known = names.get(candidate.forms[0].name)
            if known is None:
                found.append(candidate)
            else:
                known.asked += candidate.asked
                known.reasons += candidate.reasons
    names_found = {one.forms[0].name for one in found}
    found += [
        Candidate(model, [index], is_declared=True)
        for model, index in missing_declared(index_names())
        if index.name not in names_found
    ]
    return found, notes


def migration(
    candidate: Candidate, written: Written, index_of_trial: Index | None = None
) -> Migration:
    """Return the migration that gives the database a candidate, in this form or the preferred."""
    index = index_of_trial or candidate.forms[0]
    by = candidate.asked[0].by.split(", ")[0] if candidate.asked else ""
    reasons = "; ".join(candidate.reasons[:3])
    if candidate.is_declared:
        why = f"Index {index.name}, which the models declare, where the database lacks it."
        return restoring(candidate.model, index, f"{why}\n\n{_without(reasons)}", written)
    why = f"Index behind {by}." if by else f"Index {index.name}."
    return adding(candidate.model, index, f"{why}\n\n{_without(reasons)}", written)


def _without(reasons: str) -> str:
    return f"Without it: {reasons}." if reasons else "No statement that was looked at asks for it."


def _needs(asked: Asked, notes: list[str]) -> Iterator[Need]:
    """Yield what a statement needs; in a transaction of its own, for one that fails ends it."""
    try:
        with undone() as cursor:
            found = [
                need
                for look in looks(cursor, asked.statement, asked.user_id)
                for need in needs(look)
            ]
    except DatabaseError as error:
        said = str(error).splitlines()[0]
        notes.append(f"Not looked at ({said}): {shortened(asked.statement.sql)}")
        return
    yield from found
