"""Judge a history: no read shows what was surely over before it began, or what never was."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from .history import Log, Observation, Write
from .windows import RowWindows, Window, is_touched, staleness_s

EXAMPLES = 10

# Older than a write that was acknowledged before the read began.
STALE = "stale"
# Older than what another read had shown before this one began, or than what failed but happened.
INVERTED = "inverted"
# No write would have shown this there: a mixture of two, a value of somebody else's, a lost row.
IMPOSSIBLE = "impossible"
# Shown before it was written.
EARLY = "early"


class Violation(NamedTuple):
    """One value that one read showed and must not have; `staleness_s` is 0 where it has none."""

    kind: str
    staleness_s: float
    observation: Observation
    began: float

    def __str__(self) -> str:
        age = f" by {self.staleness_s * 1000:.0f} ms" if self.staleness_s else ""
        where, view, value = self.observation
        return f"{self.kind}{age}: {where}, seen as {view}, showed {value!r}"


@dataclass(slots=True)
class Verdict:
    """What was checked, and what was found.

    Attributes:
        reads: Answers; `values` is how many values of rows these showed.
        wrong_reads: Answers with at least one violation.
        examples: The first violations of each kind.
    """

    reads: int = 0
    values: int = 0
    writes: int = 0
    wrong_reads: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    violations: Counter[str] = field(default_factory=Counter)
    worst_s: float = 0.0
    examples: list[Violation] = field(default_factory=list)

    @property
    def is_unexplained(self) -> bool:
        """Whether something was shown that no delay explains."""
        return bool(self.violations[IMPOSSIBLE] or self.violations[EARLY])

    def convict(self, violation: Violation) -> None:
        self.violations[violation.kind] += 1
        self.worst_s = max(self.worst_s, violation.staleness_s)
        if self.violations[violation.kind] <= EXAMPLES:
            self.examples.append(violation)


class _Allowed(NamedTuple):
    """Windows of one observation: by acknowledgements alone, and by all that is known."""

    by_acks: list[Window]
    by_all: list[Window]


def judge(logs: list[Log]) -> Verdict:
    """Check every read of all processes against the writes of all; O(n log n)."""
    verdict = Verdict()
    allowed = _allowed(logs)
    for log in logs:
        verdict.writes += sum(write.ended < float("inf") for write in log.writes)
        verdict.failures += log.failures
        verdict.reads += len(log.answer)
        verdict.values += sum(len(log.answers[number]) for number in log.answer)
        for number, began, ended in _suspects(log, allowed):
            found = [
                violation
                for index in log.answers[number]
                if (violation := _judged(log.observations[index], allowed, began, ended))
            ]
            verdict.wrong_reads += bool(found)
            for violation in found:
                verdict.convict(violation)
    return verdict


def _allowed(logs: list[Log]) -> dict[Observation, _Allowed]:
    writes: defaultdict[str, list[Write]] = defaultdict(list)
    first_reads: defaultdict[str, dict[tuple[str, str], float]] = defaultdict(dict)
    for log in logs:
        for write in log.writes:
            writes[write.row].append(write)
        for (row, view, value), ended in _first_reads(log):
            known = first_reads[row]
            known[view, value] = min(known.get((view, value), ended), ended)
    result = {}
    for row, seen in first_reads.items():
        by_acks = RowWindows(writes[row])
        by_all = RowWindows(writes[row], seen)
        for view, value in seen:
            result[Observation(row, view, value)] = _Allowed(
                by_acks.of(view, value), by_all.of(view, value)
            )
    return result


def _first_reads(log: Log) -> Iterator[tuple[Observation, float]]:
    """Yield each observation with the end of the first read that made it."""
    of_answer: dict[int, float] = {}
    for number, ended in zip(log.answer, log.ended, strict=True):
        if ended < of_answer.get(number, float("inf")):
            of_answer[number] = ended
    of_index: dict[int, float] = {}
    for number, ended in of_answer.items():
        for index in log.answers[number]:
            of_index[index] = min(ended, of_index.get(index, ended))
    for index, ended in of_index.items():
        yield log.observations[index], ended


def _suspects(log: Log, allowed: dict[Observation, _Allowed]) -> Iterator[tuple[int, float, float]]:
    """Yield the reads that one comparison does not clear.

    Nearly all answers show values with one window each: a read that touches all of them is right.
    """
    clear = [_common(log, indexes, allowed) for indexes in log.answers]
    for number, began, ended in zip(log.answer, log.began, log.ended, strict=True):
        since, until = clear[number]
        if began > until or ended < since:
            yield number, began, ended


def _common(
    log: Log, indexes: tuple[int, ...], allowed: dict[Observation, _Allowed]
) -> tuple[float, float]:
    """Return the limits of `began` and `ended` within which a read is surely right."""
    windows = [allowed[log.observations[index]].by_all for index in indexes]
    if any(len(each) != 1 for each in windows):
        return float("inf"), float("-inf")
    since = max((each[0].since for each in windows), default=float("-inf"))
    return since, min((each[0].until for each in windows), default=float("inf"))


def _judged(
    observation: Observation, allowed: dict[Observation, _Allowed], began: float, ended: float
) -> Violation | None:
    by_acks, by_all = allowed[observation]
    if is_touched(by_all, began, ended):
        return None
    if not by_all:
        return Violation(IMPOSSIBLE, 0.0, observation, began)
    if not is_touched(by_acks, began, ended):
        age_s = staleness_s(by_acks, began)
        return Violation(EARLY if age_s is None else STALE, age_s or 0.0, observation, began)
    return Violation(INVERTED, staleness_s(by_all, began) or 0.0, observation, began)
