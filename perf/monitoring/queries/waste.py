"""What a request asked the database in vain: row by row what one statement gets, or twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from morpheus.tracing import Statement
from perf.monitoring.sql_text import NormalizedStatement

# So many times with other values each time is a loop; two may be two things.
REPEATED = 3

N_PLUS_ONE = "n_plus_one"
DUPLICATE = "duplicate"

_READS = frozenset({"simple", "join", "search"})
_WASTEFUL = _READS | {"write"}


@dataclass(frozen=True, slots=True)
class Waste:
    """Statements of one shape that one statement would have done for.

    Attributes:
        kind: `n_plus_one`: the same shape with `REPEATED` values or more; `duplicate`: the same
            read with the same values, when this request had changed nothing in between.
        times: How many values, or how many times.
        spared: How many of them were not needed.
    """

    kind: str
    shape: NormalizedStatement
    times: int
    spared: int

    def __str__(self) -> str:
        what = "with other values each time" if self.kind == N_PLUS_ONE else "with the same values"
        return f"{self.times} times {what}: {self.shape.text}"


def waste_of(statements: Sequence[Statement], shapes: Sequence[NormalizedStatement]) -> list[Waste]:
    """Return what was wasted, given each statement's shape, in the order of the statements."""
    prints = [shape.fingerprint for shape in shapes if shape.kind in _WASTEFUL]
    # So it is of nearly all requests: values are looked at only where a shape is there again.
    if len({*prints}) == len(prints):
        return []
    counted = Counter(prints)
    repeated = {shape for shape in shapes if counted[shape.fingerprint] > 1}
    ran = [
        (statement, shape)
        for statement, shape in zip(statements, shapes, strict=True)
        if not statement.is_many
    ]
    return [*_loops(ran, repeated), *_duplicates(ran, repeated)]


def _loops(
    ran: Iterable[tuple[Statement, NormalizedStatement]], repeated: set[NormalizedStatement]
) -> Iterator[Waste]:
    values: dict[NormalizedStatement, set[str]] = {}
    for statement, shape in ran:
        if shape in repeated:
            values.setdefault(shape, set()).add(_values(statement))
    for shape, different in values.items():
        if len(different) >= REPEATED:
            yield Waste(N_PLUS_ONE, shape, len(different), len(different) - 1)


def _duplicates(
    ran: Iterable[tuple[Statement, NormalizedStatement]], repeated: set[NormalizedStatement]
) -> Iterator[Waste]:
    again: Counter[NormalizedStatement] = Counter()
    seen: set[str] = set()
    for statement, shape in ran:
        if _may_change_answers(statement, shape):
            seen.clear()
        elif shape in repeated and shape.kind in _READS:
            values = _values(statement)
            if values in seen:
                again[shape] += 1
            seen.add(values)
    for shape, times in again.items():
        yield Waste(DUPLICATE, shape, times + 1, times)


def _may_change_answers(statement: Statement, shape: NormalizedStatement) -> bool:
    """Tell whether what is read after it may differ: a write, another identity, another time."""
    if shape.kind == "control":
        return statement.sql.startswith("ROLLBACK") or "app.user_id" in statement.sql
    return shape.kind in ("write", "commit")


def _values(statement: Statement) -> str:
    return f"{statement.alias} {statement.sql} {statement.params!r}"
