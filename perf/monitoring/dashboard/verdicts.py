"""What a check says: a sentence with its number and its limit, and whether that is good."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from django.utils.safestring import SafeString

from perf.monitoring.dashboard import charts
from perf.monitoring.dashboard.attempts import attempt

State = Literal["good", "bad", "unknown"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer of one check.

    Attributes:
        fill: The number as a part of its limit, for a picture; None where there is no such part.
    """

    state: State
    sentence: str
    fill: float | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """A question to the system.

    Attributes:
        subject: What is asked about, in a word or two.
        page: Name of the page with the details.
    """

    subject: str
    page: str
    ask: Callable[[], Verdict]


@dataclass(frozen=True, slots=True)
class Checked:
    """A check with its verdict."""

    check: Check
    verdict: Verdict

    @property
    def subject(self) -> str:
        """What the sentence is about, with its colon."""
        return self.verdict.sentence.partition(": ")[0] + ":"

    @property
    def statement(self) -> str:
        """The rest of the sentence."""
        return self.verdict.sentence.partition(": ")[2]

    @property
    def picture(self) -> SafeString | None:
        """How much of the limit is reached, drawn."""
        fill = self.verdict.fill
        return None if fill is None else charts.share(fill, self.verdict.state)


def good_if(is_good: bool, sentence: str, fill: float | None = None) -> Verdict:
    """Return a verdict of a limit that was or was not kept."""
    return Verdict("good" if is_good else "bad", sentence, fill)


def unknown(sentence: str) -> Verdict:
    """Return the verdict where there is nothing to judge yet, or it cannot be read."""
    return Verdict("unknown", sentence)


def run(checks: list[Check]) -> list[Checked]:
    """Ask every check, one after the other; one that fails says so. What is bad comes first."""
    checked = []
    for check in checks:
        tried = attempt(check.ask)
        verdict = tried.value or unknown(f"{check.subject}: not known. {tried.problem}")
        checked.append(Checked(check, verdict))
    return sorted(checked, key=lambda one: ("bad", "unknown", "good").index(one.verdict.state))


def summary(checked: list[Checked]) -> str:
    """Return one sentence for all verdicts."""
    states = [one.verdict.state for one in checked]
    bad, unclear = states.count("bad"), states.count("unknown")
    said = "All is well" if not bad and not unclear else f"{states.count('good')} checks are good"
    if bad:
        said += f", {bad} {'is' if bad == 1 else 'are'} not"
    if unclear:
        said += f", {unclear} {'is' if unclear == 1 else 'are'} not known"
    return f"{said}."
