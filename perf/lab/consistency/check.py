"""Checks a history: no read shows a stale value, or one that was never written.

Each row is an atomic register (Herlihy and Wing, "Linearizability", 1990) whose writes have unique
values. A write takes effect at one moment between its begin and its acknowledgement. So

- w' is after w if w' began when w had surely taken effect;
- w is surely overwritten when some w' after w has surely taken effect.

"Surely" follows from an acknowledgement, or from a read: once a read of the value of w has ended, w
has happened. A read may show w if it ended after w began, and began before w was surely
overwritten. This finds every violation where the order of a row's writes is known (one writer that
waits for its responses) and their values differ. Without such knowledge the decision is hard
(Gibbons and Korach, "Testing shared memories", 1997). Where two writers race, or one failed and may
happen later, the order is partly known. Then the check is weaker, but never wrong: no order of the
writes explains a reported violation.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from .history import ABSENT, UNKNOWN, Log, Observation, Write

EXAMPLES = 3

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


def check(logs: list[Log], *, is_alone: bool = True) -> Verdict:
    """Check every read of all processes against the writes of all; O(n log n).

    Args:
        is_alone: Whether the logs have every row of the database. Otherwise a row without a write
            may show any value.
    """
    verdict = Verdict()
    allowed = _find_allowed(logs, is_alone=is_alone)
    for log in logs:
        verdict.writes += sum(write.ended < math.inf for write in log.writes)
        verdict.retries += log.retries
        verdict.failures += log.failures
        verdict.reads += len(log.response)
        observations, responses = list(log.observations), list(log.responses)
        windows = [allowed[observation] for observation in observations]
        for number, began, ended in zip(log.response, log.began, log.ended, strict=True):
            indexes = responses[number]
            verdict.values += len(indexes)
            wrong = [at for at in indexes if not _overlaps(windows[at].by_all, began, ended)]
            verdict.wrong_reads += bool(wrong)
            for at in wrong:
                kind, staleness_s = _classify(windows[at], began, ended)
                verdict.report(Violation(kind, staleness_s, observations[at]))
    return verdict


class Window(NamedTuple):
    """A time in which reads may show a value; a read needs to overlap it."""

    since: float
    until: float


ALWAYS = [Window(-math.inf, math.inf)]


def _unknown_view(view: str) -> str:
    """Return the view of a write whose id is unknown, for `id=7:own` and its like."""
    kind, _, rest = view.partition("=")
    return f"{kind}={UNKNOWN}{':own' if rest.endswith(':own') else ''}"


class RowWindows:
    """The windows of one row's values.

    Args:
        writes: All writes of the row, the one before the run included, in any order.
        first_reads: By (view, value), when its first read ended; without them only
            acknowledgements are evidence.
    """

    def __init__(
        self, writes: Iterable[Write], first_reads: Mapping[tuple[str, str], float] | None = None
    ) -> None:
        self._writes = sorted(writes, key=lambda write: write.began)
        self._views = {view for write in self._writes for view in write.shows}
        self._showing: dict[tuple[str, str], list[int]] = {}
        for index, write in enumerate(self._writes):
            for view in self._views:
                key = view, write.shows.get(view, ABSENT)
                self._showing.setdefault(key, []).append(index)
        self._overwritten = self._find_overwritten(first_reads or {})

    def find(self, view: str, value: str) -> list[Window]:
        """Return the windows of a value in a view, disjoint and in order."""
        if view not in self._views:
            is_possible = value == ABSENT or _unknown_view(view) in self._views
            return ALWAYS if is_possible else []
        windows: list[Window] = []
        for index in self._showing.get((view, value), []):
            window = Window(self._writes[index].began, self._overwritten[index])
            if windows and window.since <= windows[-1].until:
                window = Window(windows[-1].since, max(windows.pop().until, window.until))
            windows.append(window)
        return windows

    def _find_overwritten(self, first_reads: Mapping[tuple[str, str], float]) -> list[float]:
        """Return for each write when it was surely overwritten."""
        happened = [write.ended for write in self._writes]
        for key, ended in first_reads.items():
            if len(showing := self._showing.get(key, [])) == 1:
                happened[showing[0]] = min(happened[showing[0]], ended)
        # The earliest time at which any write from here on had surely happened.
        earliest = [*happened, math.inf]
        for index in range(len(happened) - 1, -1, -1):
            earliest[index] = min(earliest[index], earliest[index + 1])
        began = [write.began for write in self._writes]
        return [earliest[bisect_right(began, moment)] for moment in happened]


class _Allowed(NamedTuple):
    """Windows of one observation: by acknowledgements alone, and by all evidence."""

    by_acks: list[Window]
    by_all: list[Window]


def _find_allowed(logs: list[Log], *, is_alone: bool) -> dict[Observation, _Allowed]:
    writes: defaultdict[str, list[Write]] = defaultdict(list)
    first_reads: defaultdict[str, dict[tuple[str, str], float]] = defaultdict(dict)
    for log in logs:
        for write in log.writes:
            writes[write.row].append(write)
        observations, responses = list(log.observations), list(log.responses)
        for number, ended in zip(log.response, log.ended, strict=True):
            for row, view, value in (observations[at] for at in responses[number]):
                first = first_reads[row]
                first[view, value] = min(ended, first.get((view, value), ended))
    result = {}
    for row, seen in first_reads.items():
        is_foreign = not is_alone and row not in writes
        by_acks, by_all = RowWindows(writes[row]), RowWindows(writes[row], seen)
        for view, value in seen:
            windows = _Allowed(by_acks.find(view, value), by_all.find(view, value))
            if is_foreign:
                windows = _Allowed(ALWAYS, ALWAYS)
            result[Observation(row, view, value)] = windows
    return result


def _classify(windows: _Allowed, began: float, ended: float) -> tuple[str, float]:
    """Return the kind of a violation, and for how long the value was overwritten."""
    if not windows.by_all:
        return IMPOSSIBLE, 0.0
    if _overlaps(windows.by_acks, began, ended):
        return INVERTED, _staleness_s(windows.by_all, began) or 0.0
    staleness_s = _staleness_s(windows.by_acks, began)
    return (EARLY, 0.0) if staleness_s is None else (STALE, staleness_s)


def _overlaps(windows: list[Window], began: float, ended: float) -> bool:
    """Tell whether a read overlaps one of the windows."""
    at = bisect_left(windows, began, key=lambda window: window.until)
    return at < len(windows) and windows[at].since <= ended


def _staleness_s(windows: list[Window], began: float) -> float | None:
    """Return how long the value was overwritten when a read began; None if not written before."""
    at = bisect_left(windows, began, key=lambda window: window.until)
    return began - windows[at - 1].until if at else None
