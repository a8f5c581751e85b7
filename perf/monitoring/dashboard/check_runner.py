"""Runs the checks of the overview and sorts their results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from perf.monitoring.dashboard.page import attempt

State = Literal["good", "bad", "unknown", "waiting"]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one check.

    Attributes:
        state: "unknown" if the value cannot be read, "waiting" without enough measurements.
        sentence: The value and its limit.
        fill: The value as a share of the limit, for the chart.
    """

    state: State
    sentence: str
    fill: float | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """A check; `page` names the page with the details."""

    subject: str
    page: str
    run: Callable[[], CheckResult]


FinishedCheck = tuple[Check, CheckResult]


def good_if(is_good: bool, sentence: str, fill: float | None = None) -> CheckResult:
    """Return the result for a limit that is or is not kept."""
    return CheckResult("good" if is_good else "bad", sentence, fill)


def compare(value: float, limit: float, sentence: str) -> CheckResult:
    """Return the result for a value that may not exceed its limit."""
    return good_if(value <= limit, sentence, value / limit)


def run_checks(checks: list[Check]) -> list[FinishedCheck]:
    """Run all checks and return failures first; an error becomes an unknown result.

    Checks without enough measurements are last: they need no attention.
    """
    finished = []
    for check in checks:
        tried = attempt(check.run)
        result = tried.value or CheckResult("unknown", f"unknown. {tried.problem}")
        finished.append((check, result))
    order = ("bad", "unknown", "good", "waiting")
    return sorted(finished, key=lambda pair: order.index(pair[1].state))


def summarize(finished: list[FinishedCheck]) -> str:
    """Return one sentence about all results."""
    states = [result.state for _, result in finished]
    good, bad, unclear, early = (
        states.count(state) for state in ("good", "bad", "unknown", "waiting")
    )
    if good == len(states):
        return "All checks pass."
    sentence = f"{good} of {len(states)} checks pass"
    if bad:
        sentence += f", {bad} {'fails' if bad == 1 else 'fail'}"
    if unclear:
        sentence += f", {unclear} {'is' if unclear == 1 else 'are'} unknown"
    if early:
        sentence += f", {early} {'does' if early == 1 else 'do'} not have enough measurements yet"
    return f"{sentence}."
