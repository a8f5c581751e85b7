"""Trying an index on this database: made, measured and undone in one transaction.

Building it keeps writers of the table waiting until the trial is over; readers go on.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, connection
from django.db.models import Index, Model

from morpheus.db.transactions import write_transaction
from morpheus.embedded.roles import APP, LOADER
from perf.lab.plans.explain import OPTIONS, Plan, plan_of, prepared
from perf.lab.plans.writes import Cost, added
from perf.monitoring.index_advice.candidates import Candidate
from perf.monitoring.index_advice.session import acting_as_role, as_owner, undone
from perf.monitoring.index_advice.workload import Asked

# Runs of which the best time counts, and when there are enough of slow ones.
REPEATS = 5
TIMED_S = 2.0
# An index must spare this part of the pages, and so many, to be worth its writes.
SPARED_RATIO = 0.2
SPARED_BUFFERS = 5

# Own connections that were just closed may still be seen for a moment.
CLOSING_S = 2.0

_SHOWN = ("Sort", "Incremental Sort", "Function Scan")

# What kind of process it is, PostgreSQL hides from who may not read the role's statistics.
_OTHERS = """
SELECT count(*)
FROM pg_stat_activity
WHERE datname = current_database() AND usename = %s AND pid <> pg_backend_pid()
"""
_FIGURES = """
SELECT pg_stat_get_xact_numscans(oid) > 0, pg_relation_size(oid)
FROM pg_class
WHERE oid = %s::regclass
"""
_IS_ANALYZED = """
SELECT coalesce(last_analyze, last_autoanalyze) IS NOT NULL
FROM pg_stat_user_tables
WHERE relid = %s::regclass
"""


class Refused(Exception):
    """Nothing is tried here; the message says why."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One execution of a statement.

    Attributes:
        ms: In the server, the best of some runs.
    """

    plan: Plan
    ms: float

    @property
    def nodes(self) -> str:
        """What reads tables and what sorts, in the plan's order."""
        shown = [
            str(node) for node in self.plan.nodes if node.index or node.table or node.kind in _SHOWN
        ]
        return ", ".join(shown) or self.plan.nodes[0].kind


@dataclass(frozen=True, slots=True)
class Trial:
    """A candidate, tried.

    Attributes:
        index: The better of its forms.
        is_used: Whether a statement read the index, be it in a function.
        size_bytes: Of the index.
        held_ms: How long writers of the table were kept waiting.
        writes: What an insert costs without and with the index; None of a table too small to tell.
    """

    candidate: Candidate
    index: Index
    asked: list[Asked]
    before: list[Measured]
    after: list[Measured]
    is_used: bool
    size_bytes: int
    held_ms: float
    writes: tuple[Cost, Cost] | None

    @property
    def buffers(self) -> tuple[int, int]:
        return _buffers(self.before), _buffers(self.after)

    @property
    def helps(self) -> bool:
        before, after = self.buffers
        return self.is_used and before - after >= max(SPARED_BUFFERS, SPARED_RATIO * before)


def refuse_where_it_would_harm(*, clients_too: bool = False) -> None:
    """Look at the server before anything is tried on it.

    Raises:
        Refused: It is a replica; or it serves others, and nobody said that these may wait.
    """
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_is_in_recovery()")
        if cursor.fetchone()[0]:
            raise Refused("This is a replica: indexes are tried on a primary, or on a copy of it.")
        ends = time.monotonic() + CLOSING_S
        while others := _others(cursor):
            if clients_too:
                return
            if time.monotonic() > ends:
                raise Refused(
                    f"{others} other connections of {APP} are open. Trying an index "
                    "keeps writers of its table waiting; --with-clients tries it nevertheless."
                )
            time.sleep(0.05)


def _others(cursor: Any) -> int:
    cursor.execute(_OTHERS, [APP])
    return int(cursor.fetchone()[0])


def tried(candidate: Candidate) -> Trial:
    """Measure the candidate's statements without it, and with each of its forms.

    Raises:
        DatabaseError: A lock was not had, or a statement took too long.
        CannotPlanAsServingRole: See there.
    """
    with as_owner():
        with undone() as cursor:
            _analyze(cursor, candidate.table)
            before = [_measured(cursor, one) for one in candidate.asked]
        built = [_built(candidate, index) for index in candidate.forms]
    best = _better(built)
    return Trial(
        candidate=candidate,
        index=best.index,
        asked=candidate.asked,
        before=before,
        after=best.after,
        is_used=best.is_used,
        size_bytes=best.size_bytes,
        held_ms=best.held_ms,
        writes=write_cost(candidate.model, best.index),
    )


def write_cost(model: type[Model], index: Index) -> tuple[Cost, Cost] | None:
    """Measure inserts into a copy of the table, without and with the index."""
    table, key = model._meta.db_table, str(model._meta.pk.column)
    with connection.schema_editor(collect_sql=True) as editor:
        statement = index.create_sql(model, editor)
    # The name is free in the copy's schema only if it is another one.
    create = str(statement).replace(f'"{table}"', "{table}", 1)
    create = create.replace(f'"{index.name}"', '"perf_tried_idx"', 1)
    try:
        return added(table, key, create)
    except DatabaseError:
        return None


@dataclass(frozen=True, slots=True)
class _Built:
    index: Index
    after: list[Measured]
    is_used: bool
    size_bytes: int
    held_ms: float


def _built(candidate: Candidate, index: Index) -> _Built:
    with undone() as cursor:
        began = time.perf_counter()
        _analyze(cursor, candidate.table)
        with connection.schema_editor(atomic=False) as editor:
            editor.add_index(candidate.model, index)
        after = [_measured(cursor, one) for one in candidate.asked]
        cursor.execute(_FIGURES, [index.name])
        is_used, size = cursor.fetchone()
    return _Built(index, after, is_used, size, 1000 * (time.perf_counter() - began))


def _better(built: list[_Built]) -> _Built:
    """Return the first form, which has more columns, unless the smaller one is nearly as good."""
    first, *others = built
    for other in others:
        spared = _buffers(other.after) - _buffers(first.after)
        if spared < max(len(first.after), SPARED_RATIO * _buffers(other.after)):
            return other
    return first


def _buffers(measured: list[Measured]) -> int:
    return sum(one.plan.buffers for one in measured)


def _measured(cursor: Any, asked: Asked) -> Measured:
    role = LOADER if asked.is_own else APP
    with acting_as_role(cursor, role), write_transaction(as_user=asked.user_id):
        with connection.cursor() as inner:
            execute = prepared(inner, asked.statement)
            plan = plan_of(_answer(inner, f"EXPLAIN ({OPTIONS}) {execute}"))
            return Measured(plan, min(_times(inner, execute)))


def _times(cursor: Any, execute: str) -> Iterator[float]:
    ends = time.monotonic() + TIMED_S
    for turn in range(REPEATS):
        if turn and time.monotonic() > ends:
            return
        answer = _answer(
            cursor, f"EXPLAIN (ANALYZE, BUFFERS OFF, TIMING OFF, FORMAT JSON) {execute}"
        )
        yield float(
            (json.loads(answer) if isinstance(answer, str) else answer)[0]["Execution Time"]
        )


def _answer(cursor: Any, sql: str) -> Any:
    cursor.execute(sql)
    return cursor.fetchone()[0]


def _analyze(cursor: Any, table: str) -> None:
    """Let the planner know a table that nobody analyzed yet, in this transaction."""
    cursor.execute(_IS_ANALYZED, [table])
    if not cursor.fetchone()[0]:
        cursor.execute(f"ANALYZE {connection.ops.quote_name(table)}")
