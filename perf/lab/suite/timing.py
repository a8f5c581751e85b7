"""Times of one thing, and how slow the machine was meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Any, TypeVar

from django.db import connection

from perf.lab.harness.measurements import percentile
from perf.monitoring.budgets import budgets

T = TypeVar("T")

# It reads no table, so that nothing but the machine makes it slower. What it takes on a machine
# that is not busy stands in budgets.toml.
REFERENCE = "SELECT sum(number) FROM generate_series(1, 3000) AS of (number)"


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Return milliseconds and what the work returns."""
    began = time.perf_counter()
    result = work()
    return (time.perf_counter() - began) * 1000, result


def reference_ms() -> float:
    """Run the reference statement; return its milliseconds."""

    def run() -> Any:
        with connection.cursor() as cursor:
            cursor.execute(REFERENCE)
            return cursor.fetchone()

    return timed(run)[0]


def slower(references: list[float]) -> float:
    """Return how many times slower than one that is not busy the machine was; 1 at the least."""
    return max(1.0, percentile(references, 0.5) / budgets().reference_ms)


@dataclass
class Times:
    """Milliseconds, each beside those of the reference that ran just before.

    Attributes:
        references: As many as `ms`.
    """

    ms: list[float] = field(default_factory=list)
    references: list[float] = field(default_factory=list)

    def add(self, ms: float, reference: float) -> None:
        """Note one pair."""
        self.ms.append(ms)
        self.references.append(reference)

    def at(self, share: float) -> float:
        """Return the percentile of the times."""
        return percentile(self.ms, share)

    @property
    def ratio(self) -> float:
        """The median of the ratios to the references: a slow machine leaves it as it is."""
        pairs = zip(self.ms, self.references, strict=True)
        return median(ms / reference for ms, reference in pairs)


def allowed_ms(budget_ms: float, share: float, references: list[float], nominal_ms: float) -> float:
    """Return what a budget means on this machine, now.

    As much more as the reference takes longer than on a machine that is not busy, and what it waits
    for a core at the same percentile; never less than the budget.
    """
    usual = percentile(references, 0.5)
    waiting = percentile(references, share) - usual
    return budget_ms * max(1.0, usual / nominal_ms) + max(0.0, waiting)
