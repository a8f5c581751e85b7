"""When a read may show which value of a row: the order of writes.

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
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from .history import ABSENT, UNKNOWN, Write


class Window(NamedTuple):
    """A time in which reads may show a value; a read needs to overlap it."""

    since: float
    until: float


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
            return [Window(-math.inf, math.inf)] if is_possible else []
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


def overlaps(windows: list[Window], began: float, ended: float) -> bool:
    """Tell whether a read overlaps one of the windows."""
    at = bisect_left(windows, began, key=lambda window: window.until)
    return at < len(windows) and windows[at].since <= ended


def staleness_s(windows: list[Window], began: float) -> float | None:
    """Return how long the value was overwritten when a read began; None if not written before."""
    at = bisect_left(windows, began, key=lambda window: window.until)
    return began - windows[at - 1].until if at else None
