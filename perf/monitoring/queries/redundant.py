"""Detects N+1 queries and duplicate queries in one request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from morpheus.tracing.request_trace import Statement
from perf.monitoring.sql_text import READ_KINDS, NormalizedStatement, normalize

# From this many different values on, a statement counts as a loop; two may be a coincidence.
MIN_REPETITIONS = 3

N_PLUS_ONE = "n_plus_one"
DUPLICATE = "duplicate"
LABELS = {N_PLUS_ONE: "N+1 queries", DUPLICATE: "Duplicate queries"}

_CHECKED_KINDS = READ_KINDS | {"write"}


@dataclass(frozen=True, slots=True)
class RedundantQueries:
    """Executions of one normalized statement that a single execution could replace.

    Attributes:
        kind: `n_plus_one`: the same statement with `MIN_REPETITIONS` or more different values;
            `duplicate`: the same read with the same values, without a change in between.
        times: The number of executions.
        avoidable: The number of executions to save.
    """

    kind: str
    normalized: NormalizedStatement
    times: int
    avoidable: int

    def __str__(self) -> str:
        values = "with different values" if self.kind == N_PLUS_ONE else "with the same values"
        return f"{self.times} times {values} ({LABELS[self.kind]}): {self.normalized.text}"


Executed = tuple[Statement, NormalizedStatement]


def find_redundant_queries(statements: Sequence[Statement]) -> list[RedundantQueries]:
    """Return the redundant queries of a request, given its statements in order."""
    if len(statements) < 2:  # As behind a cached response.
        return []
    normalized = [normalize(statement) for statement in statements]
    counts = Counter(its.fingerprint for its in normalized if its.kind in _CHECKED_KINDS)
    # Most requests end here: only repeated statements need a look at their values.
    if all(count == 1 for count in counts.values()):
        return []
    repeated = {its for its in normalized if counts[its.fingerprint] > 1}
    executed = [
        (statement, its)
        for statement, its in zip(statements, normalized, strict=True)
        if not statement.is_many
    ]
    return [*_find_loops(executed, repeated), *_find_duplicates(executed, repeated)]


def _find_loops(
    executed: Iterable[Executed], repeated: set[NormalizedStatement]
) -> Iterator[RedundantQueries]:
    values: dict[NormalizedStatement, set[str]] = {}
    for statement, its in executed:
        if its in repeated:
            values.setdefault(its, set()).add(_with_values(statement))
    for its, different in values.items():
        if len(different) >= MIN_REPETITIONS:
            yield RedundantQueries(N_PLUS_ONE, its, len(different), len(different) - 1)


def _find_duplicates(
    executed: Iterable[Executed], repeated: set[NormalizedStatement]
) -> Iterator[RedundantQueries]:
    duplicates: Counter[NormalizedStatement] = Counter()
    seen: set[str] = set()
    for statement, its in executed:
        if _may_change_results(statement, its):
            seen.clear()
        elif its in repeated and its.is_read:
            values = _with_values(statement)
            if values in seen:
                duplicates[its] += 1
            seen.add(values)
    for its, times in duplicates.items():
        yield RedundantQueries(DUPLICATE, its, times + 1, times)


def _may_change_results(statement: Statement, its: NormalizedStatement) -> bool:
    """Tell whether later reads may differ: a write, another identity, another snapshot."""
    if its.kind == "control":
        return statement.sql.startswith("ROLLBACK") or "app.user_id" in statement.sql
    return its.kind in ("write", "commit")


def _with_values(statement: Statement) -> str:
    return f"{statement.alias} {statement.sql} {statement.params!r}"
