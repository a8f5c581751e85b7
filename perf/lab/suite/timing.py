"""Times beside a reference statement, so that a busy machine cancels out."""

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

# It reads no table, so that only the machine makes it slower. budgets.toml has its time on an idle
# machine.
REFERENCE = "SELECT sum(number) FROM generate_series(1, 3000) AS of (number)"


@dataclass
class Measurement:
    """The times of one request or statement, each beside that of the reference just before it.

    Attributes:
        budget: The entry of budgets.toml.
        temperature: "cold" without a cache, "warm" with a filled one, "database" for a statement.
        buffers: Of all reads together; None if they were not counted.
        ms, references: Milliseconds, in pairs.
    """

    budget: str
    name: str
    temperature: str
    buffers: int | None = None
    ms: list[float] = field(default_factory=list)
    references: list[float] = field(default_factory=list)

    def measure(self, work: Callable[[], T]) -> T:
        """Time the reference and then the work; return its result."""
        self.references.append(reference_ms())
        ms, result = time_call(work)
        self.ms.append(ms)
        return result

    @property
    def ratio(self) -> float:
        """The median ratio to the reference: a slow machine does not change it."""
        pairs = zip(self.ms, self.references, strict=True)
        return median(ms / reference for ms, reference in pairs)


def time_call(work: Callable[[], T]) -> tuple[float, T]:
    """Return milliseconds and the result of a call."""
    began = time.perf_counter()
    result = work()
    return (time.perf_counter() - began) * 1000, result


def reference_ms() -> float:
    """Execute the reference statement; return its milliseconds."""

    def run() -> Any:
        with connection.cursor() as cursor:
            cursor.execute(REFERENCE)
            return cursor.fetchone()

    return time_call(run)[0]


def slowdown(references: list[float]) -> float:
    """Return how many times slower than an idle machine this one was; at least 1."""
    return max(1.0, percentile(references, 0.5) / budgets().reference_ms)


def allowed_ms(budget_ms: float, share: float, references: list[float], idle_ms: float) -> float:
    """Return the budget for this machine at this time; never less than the budget.

    It grows with the median of the reference, and by the time that the reference waits for a core
    at the same percentile.
    """
    usual = percentile(references, 0.5)
    waiting = percentile(references, share) - usual
    return budget_ms * max(1.0, usual / idle_ms) + max(0.0, waiting)
