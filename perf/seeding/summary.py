"""The summary that seeding prints."""

from __future__ import annotations

from collections.abc import Sequence

from .progress import Step
from .tables import COLUMNS


def summary(steps: Sequence[Step], seconds: float) -> str:
    """Return one line per step, and one for the whole."""
    rows = sum(step.count for step in steps if step.label in COLUMNS)
    lines = [*map(_line, steps), _line(Step("the whole", rows, seconds))]
    return "\n".join(lines)


def _line(step: Step) -> str:
    return f"{step.label:<24} {step.count:>12,} {step.seconds:>9.1f} s {step.per_second:>12,.0f}/s"
