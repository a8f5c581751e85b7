"""Results as figures, compared with budgets and with a baseline."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from perf.lab.harness.measurements import percentile
from perf.lab.plans.costs import RAISE
from perf.lab.suite.timing import Measurement, allowed_ms
from perf.monitoring.budgets import Budgets

# Tolerance of the comparison with the baseline, in ratios to the reference: 145 medians of two runs
# of the same code differed by a factor of 1.75 at most, on a machine shared with other programs.
# The added constant is for times of about one reference, which are measured less exactly.
TOLERANCE_FACTOR = 2.0
TOLERANCE_CONSTANT = 1.0
# On a machine that is slower than this by the reference, processes wait for a core so long that
# ratios change too. Such a run is no baseline and is not compared with one.
MAX_SLOWDOWN = 3.0


@dataclass(frozen=True, kw_only=True)
class ResultLine:
    """Figures of one request or statement; times in milliseconds, by the name of the percentile.

    Attributes:
        budget: The entry of budgets.toml.
        ratio: Median ratio of the times to the reference that ran just before each.
        budget_ms: The budgets of p95 and p99.
        allowed_ms: The same for a machine as slow as this one was.
        buffers: Of all reads together; None if they were not counted.
    """

    budget: str
    name: str
    temperature: str
    ratio: float
    ms: dict[str, float]
    budget_ms: dict[str, float]
    allowed_ms: dict[str, float]
    buffers: int | None

    @property
    def margin(self) -> float:
        """The allowed time divided by the measured one, at the worse percentile."""
        return min(allowed / self.ms[name] for name, allowed in self.allowed_ms.items())

    @property
    def key(self) -> str:
        return f"{self.temperature} {self.name}"

    def breaches(self) -> Iterator[str]:
        """Yield a sentence for each percentile over its budget."""
        for name, allowed in self.allowed_ms.items():
            if self.ms[name] > allowed:
                yield (
                    f"{self.name}, {self.temperature}: {name}_ms is {self.ms[name]:.1f}, the "
                    f"budget {self.budget_ms[name]:g}, on this machine {allowed:.1f}. Look at its "
                    f"statements: manage.py perf_plans --statements. {RAISE}"
                )


def build_line(measurement: Measurement, references: list[float], budgets: Budgets) -> ResultLine:
    """Compare a measurement with its budget.

    Args:
        references: Times of the reference during the measurement; for routes those of all routes,
            which ran by turns.
    """
    entry: Any = {**budgets.routes, **budgets.queries}[measurement.budget]
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    budget_ms = {"p95": entry.p95_ms, "p99": entry.p99_ms}
    return ResultLine(
        budget=measurement.budget,
        name=measurement.name,
        temperature=measurement.temperature,
        ratio=measurement.ratio,
        ms={name: percentile(measurement.ms, share) for name, share in shares.items()},
        budget_ms=budget_ms,
        allowed_ms={
            name: allowed_ms(limit, shares[name], references, budgets.reference_ms)
            for name, limit in budget_ms.items()
        },
        buffers=measurement.buffers,
    )


class ResultFolder:
    """The last result of one scale as JSON, and its baseline."""

    def __init__(self, folder: Path, scale: str) -> None:
        self.result = folder / f"{scale}.json"
        self.baseline = folder / "baseline" / self.result.name
        self.baseline.parent.mkdir(parents=True, exist_ok=True)

    def write(
        self, lines: Sequence[ResultLine], *, slowdown: float, as_baseline: bool = False
    ) -> None:
        """Store the result; as the baseline too if wanted, or if there is none yet."""
        document = {"slowdown": slowdown, "lines": [asdict(line) for line in lines]}
        self.result.write_text(json.dumps(document, indent=1))
        is_first = not self.baseline.exists() and slowdown <= MAX_SLOWDOWN
        if as_baseline or is_first:
            ratios = {line.key: line.ratio for line in lines}
            self.baseline.write_text(json.dumps(ratios, indent=1))

    def read_baseline(self) -> dict[str, float]:
        """Return the ratio to the reference of each line; empty without a baseline."""
        return json.loads(self.baseline.read_text()) if self.baseline.exists() else {}

    def regressions(self, lines: Sequence[ResultLine], *, slowdown: float) -> Iterator[str]:
        """Yield a sentence for each line that is slower than the baseline by more than tolerated.

        Args:
            slowdown: How many times slower than usual the machine was.
        """
        baseline = self.read_baseline() if slowdown <= MAX_SLOWDOWN else {}
        for line in lines:
            ratio = baseline.get(line.key)
            if ratio is not None and line.ratio > TOLERANCE_FACTOR * ratio + TOLERANCE_CONSTANT:
                yield (
                    f"{line.name}, {line.temperature}: regression: it takes {line.ratio:.1f} times "
                    f"the reference, in the baseline {ratio:.1f} times. Find the change, or run "
                    f"with --keep-baseline."
                )
