"""The ratios of requests/s that Morpheus has to reach beside each peer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from perf.lab.harness.tables import Table

from .contestants import (
    BOLT,
    FASTIFY_FULL,
    FASTIFY_FULL_WARM,
    OURS,
    OURS_LOGGED_IN,
    OURS_WARM,
    TITLES,
    Contestant,
)
from .measure import Comparison


@dataclass(frozen=True)
class Goal:
    """The least ratio of requests/s of a contestant of ours and another, on these routes."""

    routes: tuple[str, ...]
    ours: Contestant
    theirs: Contestant
    ratio: float


# A large cached response is bytes from Redis and costs no more than in Node. A small response, and
# one without the cache, pay for Python. On Django itself, Morpheus leads. A credential adds less
# than half of a request.
GOALS = (
    Goal(("list", "panels"), OURS_WARM, FASTIFY_FULL_WARM, 1.0),
    Goal(("detail", "status"), OURS_WARM, FASTIFY_FULL_WARM, 0.7),
    Goal(("list", "panels"), OURS, FASTIFY_FULL, 0.35),
    Goal(("detail", "status"), OURS, FASTIFY_FULL, 0.25),
    Goal(("list", "detail"), OURS, BOLT, 1.3),
    Goal(("list", "detail"), OURS_LOGGED_IN, OURS_WARM, 0.7),
)
_NUMBERS = ("requests/s", "CPU µs", "its requests/s", "its CPU µs", "ratio", "goal")
_TABLE = Table(["goals", *_NUMBERS], first_width=76)


def format_goals(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """Yield a table of the goals whose contestants were measured."""
    yield from ("", _TABLE.heading)
    for goal in GOALS:
        for comparison in comparisons:
            names = {goal.ours.name, goal.theirs.name}
            if comparison.route.name in goal.routes and names <= comparison.rounds.keys():
                yield _format_row(goal, comparison)


def _format_row(goal: Goal, comparison: Comparison) -> str:
    ours, theirs = (comparison.medians(each.name) for each in (goal.ours, goal.theirs))
    ratio = comparison.ratio(goal.ours.name, goal.theirs.name)
    title = (
        f"{comparison.route.name}, {comparison.connections} connections: "
        f"{TITLES[goal.ours.name]} ÷ {TITLES[goal.theirs.name]}"
    )
    return _TABLE.row(
        title,
        *(f"{number:,.0f}" for number in (ours.per_second, ours.cpu_us)),
        *(f"{number:,.0f}" for number in (theirs.per_second, theirs.cpu_us)),
        *(f"{ratio:.2f}", f"{goal.ratio:.2f}", "reached" if ratio >= goal.ratio else "not reached"),
    )
