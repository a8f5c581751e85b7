"""One line of the result: a route or a statement, its times, and its budget on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from perf.lab.suite.queries import QueryTimes
from perf.lab.suite.routes import RouteTimes
from perf.lab.suite.timing import Times, allowed_ms
from perf.monitoring.budgets import Budgets, QueryBudget, RouteBudget

# Statements have no cache before them.
DATABASE = "database"
# A median may differ by so much between two runs, in ratios to the reference: by 1.75 at most, of
# 145 medians on a machine shared with others. What takes about as long as the reference itself is
# measured no better.
SLOWER = 2.0
SLACK = 1.0


@dataclass(frozen=True, kw_only=True)
class Line:
    """Figures in milliseconds.

    Attributes:
        about: The entry of budgets.toml.
        name: The request, or the statement's name.
        temperature: "cold" or "warm"; "database" of a statement.
        ratio: Median of the times' ratios to the reference that ran just before each.
        allowed_p95: The budget on a machine as slow as this one was.
        buffers: None where nobody has counted them.
        ms: All times, ascending.
    """

    about: str
    name: str
    temperature: str
    p50: float
    p95: float
    p99: float
    max: float
    ratio: float
    budget_p95: float
    budget_p99: float
    allowed_p95: float
    allowed_p99: float
    buffers: int | None
    ms: list[float]

    @property
    def margin(self) -> float:
        """How many times the worse percentile goes into what it may be; below 1 it is broken."""
        return min(self.allowed_p95 / self.p95, self.allowed_p99 / self.p99)

    def breaches(self) -> Iterator[str]:
        """Yield a sentence for each percentile that is over its budget."""
        for name, found, allowed, budget in (
            ("p95_ms", self.p95, self.allowed_p95, self.budget_p95),
            ("p99_ms", self.p99, self.allowed_p99, self.budget_p99),
        ):
            if found > allowed:
                yield (
                    f"{self.name}, {self.temperature}: {name} is {found:.1f}, the budget "
                    f"{budget:g}, on this machine {allowed:.1f}. Look at its statements: manage.py "
                    f"perf_plans --statements. If it must be, raise it in perf/budgets.toml and "
                    f"say why in `reason`."
                )

    def slower_than(self, before: float) -> Iterator[str]:
        """Yield a sentence if it costs more, beside the reference, than in an earlier run."""
        if self.ratio > SLOWER * before + SLACK:
            yield (
                f"{self.name}, {self.temperature}: it takes {self.ratio:.1f} times the reference, "
                f"in the baseline {before:.1f} times. Find the change, or keep a new baseline."
            )

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "margin": round(self.margin, 2)}


def route_line(
    one: RouteTimes, references: list[float], said: Budgets, buffers: int | None
) -> Line:
    """Return the line of a request; by turns with all others, it met what they met together."""
    budget = said.routes[one.route]
    return _line(one.times, references, budget, said, one.route, one.name, one.temperature, buffers)


def query_line(one: QueryTimes, said: Budgets) -> Line:
    """Return the line of a statement."""
    budget = said.queries[one.name]
    references = one.times.references
    return _line(one.times, references, budget, said, one.name, one.name, DATABASE, one.buffers)


def _line(
    times: Times,
    references: list[float],
    budget: RouteBudget | QueryBudget,
    said: Budgets,
    about: str,
    name: str,
    temperature: str,
    buffers: int | None,
) -> Line:
    allowed_95, allowed_99 = (
        allowed_ms(ms, share, references, said.reference_ms)
        for ms, share in ((budget.p95_ms, 0.95), (budget.p99_ms, 0.99))
    )
    return Line(
        about=about,
        name=name,
        temperature=temperature,
        p50=times.at(0.5),
        p95=times.at(0.95),
        p99=times.at(0.99),
        max=max(times.ms),
        ratio=times.ratio,
        budget_p95=budget.p95_ms,
        budget_p99=budget.p99_ms,
        allowed_p95=allowed_95,
        allowed_p99=allowed_99,
        buffers=buffers,
        ms=sorted(round(ms, 3) for ms in times.ms),
    )
