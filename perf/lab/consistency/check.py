"""Checks a history: no read shows a stale value, or one that was never written."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from .history import Log, Observation, Write
from .windows import RowWindows, Window, overlaps, staleness_s

EXAMPLES = 10

# Older than a write that was acknowledged before the read began.
STALE = "stale"
# Older than the value of an earlier read, or than a failed write that has happened.
INVERTED = "inverted"
# No write gives this value in this place: a mixture of two, a foreign value, a lost row.
IMPOSSIBLE = "impossible"
# Read before it was written.
EARLY = "early"


class Violation(NamedTuple):
    """One value that one read must not have shown; `staleness_s` is 0 where it has none."""

    kind: str
    staleness_s: float
    observation: Observation
    began: float

    def __str__(self) -> str:
        age = f" by {self.staleness_s * 1000:.0f} ms" if self.staleness_s else ""
        row, view, value = self.observation
        return f"{self.kind}{age}: {row}, view {view}, showed {value!r}"


@dataclass(slots=True)
class Verdict:
    """The result of a check.

    Attributes:
        reads: Responses; `values` is the number of row values in them.
        wrong_reads: Responses with at least one violation.
        retries: Writes that a server refused and that were sent again.
        examples: The first violations of each kind.
    """

    reads: int = 0
    values: int = 0
    writes: int = 0
    wrong_reads: int = 0
    retries: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    violations: Counter[str] = field(default_factory=Counter)
    worst_s: float = 0.0
    examples: list[Violation] = field(default_factory=list)

    @property
    def is_unexplained(self) -> bool:
        """Whether a value was read that no delay explains."""
        return bool(self.violations[IMPOSSIBLE] or self.violations[EARLY])

    def report(self, violation: Violation) -> None:
        """Count a violation."""
        self.violations[violation.kind] += 1
        self.worst_s = max(self.worst_s, violation.staleness_s)
        if self.violations[violation.kind] <= EXAMPLES:
            self.examples.append(violation)


class _Allowed(NamedTuple):
    """Windows of one observation: by acknowledgements alone, and by all evidence."""

    by_acks: list[Window]
    by_all: list[Window]


def check(logs: list[Log]) -> Verdict:
    """Check every read of all processes against the writes of all; O(n log n)."""
    verdict = Verdict()
    allowed = _find_allowed(logs)
    for log in logs:
        verdict.writes += sum(write.ended < float("inf") for write in log.writes)
        verdict.retries += log.retries
        verdict.failures += log.failures
        verdict.reads += len(log.response)
        verdict.values += sum(len(log.responses[number]) for number in log.response)
        for number, began, ended in _find_suspects(log, allowed):
            violations = [
                violation
                for index in log.responses[number]
                if (violation := _check_one(log.observations[index], allowed, began, ended))
            ]
            verdict.wrong_reads += bool(violations)
            for violation in violations:
                verdict.report(violation)
    return verdict


def _find_allowed(logs: list[Log]) -> dict[Observation, _Allowed]:
    writes: defaultdict[str, list[Write]] = defaultdict(list)
    first_reads: defaultdict[str, dict[tuple[str, str], float]] = defaultdict(dict)
    for log in logs:
        for write in log.writes:
            writes[write.row].append(write)
        for (row, view, value), ended in _find_first_reads(log):
            known = first_reads[row]
            known[view, value] = min(known.get((view, value), ended), ended)
    result = {}
    for row, seen in first_reads.items():
        by_acks = RowWindows(writes[row])
        by_all = RowWindows(writes[row], seen)
        for view, value in seen:
            result[Observation(row, view, value)] = _Allowed(
                by_acks.find(view, value), by_all.find(view, value)
            )
    return result


def _find_first_reads(log: Log) -> Iterator[tuple[Observation, float]]:
    """Yield each observation with the end of the first read that made it."""
    by_response: dict[int, float] = {}
    for number, ended in zip(log.response, log.ended, strict=True):
        if ended < by_response.get(number, float("inf")):
            by_response[number] = ended
    by_index: dict[int, float] = {}
    for number, ended in by_response.items():
        for index in log.responses[number]:
            by_index[index] = min(ended, by_index.get(index, ended))
    for index, ended in by_index.items():
        yield log.observations[index], ended


def _find_suspects(
    log: Log, allowed: dict[Observation, _Allowed]
) -> Iterator[tuple[int, float, float]]:
    """Yield the reads that one comparison does not clear.

    Nearly all responses show values with one window each; a read that overlaps all is right.
    """
    common = [_find_common(log, indexes, allowed) for indexes in log.responses]
    for number, began, ended in zip(log.response, log.began, log.ended, strict=True):
        since, until = common[number]
        if began > until or ended < since:
            yield number, began, ended


def _find_common(
    log: Log, indexes: tuple[int, ...], allowed: dict[Observation, _Allowed]
) -> Window:
    """Return the window that overlaps no read of a wrong value in the response."""
    windows = [allowed[log.observations[index]].by_all for index in indexes]
    if any(len(each) != 1 for each in windows):
        return Window(float("inf"), float("-inf"))
    return Window(
        max((each[0].since for each in windows), default=float("-inf")),
        min((each[0].until for each in windows), default=float("inf")),
    )


def _check_one(
    observation: Observation, allowed: dict[Observation, _Allowed], began: float, ended: float
) -> Violation | None:
    by_acks, by_all = allowed[observation]
    if overlaps(by_all, began, ended):
        return None
    if not by_all:
        return Violation(IMPOSSIBLE, 0.0, observation, began)
    if not overlaps(by_acks, began, ended):
        age_s = staleness_s(by_acks, began)
        return Violation(EARLY if age_s is None else STALE, age_s or 0.0, observation, began)
    return Violation(INVERTED, staleness_s(by_all, began) or 0.0, observation, began)
