"""The arithmetic of the comparison."""

from __future__ import annotations

import re

import pytest

from perf.lab.example_requests import HttpRequest
from perf.lab.harness.measurements import measure_in_turns, median_ratio
from perf.lab.peers.contestants import FASTIFY_FULL_WARM, OURS, OURS_WARM
from perf.lab.peers.measure import Comparison, Figures
from perf.lab.peers.routes import Route, describe_difference


def test_every_contestant_has_a_turn_in_each_round() -> None:
    turns: list[str] = []

    def measure_one(name: str) -> int:
        turns.append(name)
        return len(turns)

    results = measure_in_turns(["a", "b"], measure_one, rounds=2)

    assert turns == ["a", "b", "a", "b"]
    assert results == {"a": [1, 3], "b": [2, 4]}


def test_a_ratio_compares_measurements_of_the_same_round() -> None:
    # Twice as fast in each round, though the machine was ten times as slow in the second.
    assert median_ratio([200, 20, 220], [100, 10, 110]) == 2


def test_each_figure_has_its_own_median() -> None:
    rounds = [Figures(1, 30, 5), Figures(3, 10, 4), Figures(2, 20, 6)]
    comparison = Comparison(Route("list", (HttpRequest("GET", "/"),)), 1, {OURS: rounds})

    assert comparison.medians(OURS) == Figures(2, 20, 5)


def test_a_goal_is_reached_at_its_ratio() -> None:
    figures = {OURS_WARM: [Figures(7, 1, 30)], FASTIFY_FULL_WARM: [Figures(10, 1, 20)]}
    comparisons = [
        Comparison(Route(name, (HttpRequest("GET", "/"),)), 16, figures)
        for name in ("list", "detail")
    ]

    sentences = [[*comparison.format()][-1] for comparison in comparisons]

    assert sentences == [
        "  Morpheus, warm ÷ Fastify, full, warm: 0.70 × requests/s (goal 1.00: not reached), "
        "0.67 × responses per CPU second",
        "  Morpheus, warm ÷ Fastify, full, warm: 0.70 × requests/s (goal 0.70: reached), "
        "0.67 × responses per CPU second",
    ]


@pytest.mark.parametrize(
    ("expected", "actual", "place"),
    [
        (
            [{"id": 1, "owner": {"id": 2}}],
            [{"id": 1, "owner": {"id": 3}}],
            r"\[0\]\.owner\.id: 2, 3",
        ),
        ([1, 2], [1], "the top"),
        ({"id": 1}, {"pk": 1}, "the top"),
    ],
)
def test_a_difference_is_shown_at_its_place(expected: object, actual: object, place: str) -> None:
    assert re.search(place, describe_difference(expected, actual))
