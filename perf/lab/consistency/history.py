"""What happened: writes, reads and failures, with times of one clock (CLOCK_MONOTONIC, seconds).

The clock is the same for all processes of a machine, so that an end in one process before a
beginning in another means that the other could have known.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

# What a view shows of a row that is not there, or not for this reader.
ABSENT = "-"
# In place of what follows the `=` of a view: a write that nobody answered shows one, but which?
UNKNOWN = "?"


class Observation(NamedTuple):
    """One value that an answer showed: which row, in which of its views, and what."""

    row: str
    view: str
    value: str


@dataclass(frozen=True, slots=True)
class Write:
    """One write of a row, each of which has at least one value of its own.

    Attributes:
        shows: What each view of the row shows once this is its newest write; views that are not
            named show `ABSENT`.
        began: When it was sent.
        ended: When it was acknowledged; infinite if it failed, because it may have happened, or may
            still happen, all the same.
    """

    row: str
    shows: dict[str, str]
    began: float
    ended: float = math.inf


@dataclass(slots=True)
class Log:
    """The history of one process; answers that showed the same are kept once, for their number.

    Attributes:
        observations: Each once; the others name them by their index.
        answers: What distinct answers showed, as indexes of observations.
        began, ended, answer: One item for each read; the third is an index of `answers`.
    """

    writes: list[Write] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)
    answers: list[tuple[int, ...]] = field(default_factory=list)
    began: array[float] = field(default_factory=lambda: array("d"))
    ended: array[float] = field(default_factory=lambda: array("d"))
    answer: array[int] = field(default_factory=lambda: array("L"))
    failures: Counter[str] = field(default_factory=Counter)


class Recorder:
    """Writes a log; whoever has `answer_number` of an answer need not look into it again."""

    def __init__(self) -> None:
        self.log = Log()
        self._observations: dict[Observation, int] = {}
        self._answers: dict[tuple[int, ...], int] = {}

    def answer_number(self, shown: list[Observation]) -> int:
        """Return the number of an answer that showed this."""
        indexes = tuple(sorted({self._index(each) for each in shown}))
        number = self._answers.setdefault(indexes, len(self._answers))
        if number == len(self.log.answers):
            self.log.answers.append(indexes)
        return number

    def _index(self, observation: Observation) -> int:
        index = self._observations.setdefault(observation, len(self._observations))
        if index == len(self.log.observations):
            self.log.observations.append(observation)
        return index

    def read(self, answer_number: int, began: float, ended: float) -> None:
        self.log.answer.append(answer_number)
        self.log.began.append(began)
        self.log.ended.append(ended)

    def write(self, write: Write) -> None:
        self.log.writes.append(write)

    def fail(self, what: str) -> None:
        self.log.failures[what] += 1
