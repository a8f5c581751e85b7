"""Writes, reads and failures of a run, with times of one clock (CLOCK_MONOTONIC, seconds).

All processes of a machine share the clock: if one request ended before another began, the second
one could know of the first.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

# The value of a view that does not show the row to this reader.
ABSENT = "-"
# Stands for the id after the `=` of a view: a write without a response has an unknown id.
UNKNOWN = "?"


class Observation(NamedTuple):
    """One value in a response: of which row, in which of its views."""

    row: str
    view: str
    value: str


@dataclass(frozen=True, slots=True)
class Write:
    """One write of a row; at least one of its values is unique.

    Attributes:
        shows: The value of each view after this write; other views show `ABSENT`.
        began: When it was sent.
        ended: When it was acknowledged. Infinite if it failed: it may have happened all the same,
            or may still happen.
    """

    row: str
    shows: dict[str, str]
    began: float
    ended: float = math.inf


@dataclass(slots=True)
class Log:
    """The history of one process; responses with the same observations are stored once.

    Attributes:
        observations: Each once, with its index.
        responses: The distinct responses, as indexes of observations, with their numbers.
        began, ended, response: One item for each read; the third is the number of a response.
        retries: Writes that were sent again because a server refused them.
    """

    writes: list[Write] = field(default_factory=list)
    observations: dict[Observation, int] = field(default_factory=dict)
    responses: dict[tuple[int, ...], int] = field(default_factory=dict)
    began: array[float] = field(default_factory=lambda: array("d"))
    ended: array[float] = field(default_factory=lambda: array("d"))
    response: array[int] = field(default_factory=lambda: array("L"))
    failures: Counter[str] = field(default_factory=Counter)
    retries: int = 0

    def number_response(self, observations: list[Observation]) -> int:
        """Return the number of a response, which saves parsing an equal response again."""
        index_of = self.observations
        indexes = {index_of.setdefault(each, len(index_of)) for each in observations}
        return self.responses.setdefault(tuple(sorted(indexes)), len(self.responses))

    def record_read(self, response_number: int, began: float, ended: float) -> None:
        """Record a read that showed a numbered response."""
        self.response.append(response_number)
        self.began.append(began)
        self.ended.append(ended)
