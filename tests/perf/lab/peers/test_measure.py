"""The arithmetic of the comparison."""

from __future__ import annotations

import os
import re

import pytest

from perf.lab.example_requests import HttpRequest
from perf.lab.harness.measurements import measure_in_turns, median_ratio
from perf.lab.peers.goals import format_goals
from perf.lab.peers.measure import Comparison, Figures, measure
from perf.lab.peers.routes import Route, describe_difference
from perf.lab.peers.running import running_constant


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
    comparison = Comparison(Route("list", (HttpRequest("GET", "/"),)), 1, {"ours": rounds})

    assert comparison.medians("ours") == Figures(2, 20, 5)


def test_a_goal_is_reached_at_its_ratio() -> None:
    figures = {"ours_warm": [Figures(7, 1, 30)], "fastify_full_warm": [Figures(10, 1, 20)]}
    comparisons = [
        Comparison(Route(name, (HttpRequest("GET", "/"),)), 16, figures)
        for name in ("list", "detail")
    ]

    rows = [line.split(" warm  ")[-1].split() for line in format_goals(comparisons)][2:]

    assert rows == [
        ["7", "30", "10", "20", "0.70", "1.00", "not", "reached"],
        ["7", "30", "10", "20", "0.70", "0.70", "reached"],
    ]


def test_a_server_is_measured_with_the_cpu_time_of_its_processes() -> None:
    with running_constant() as server:
        request = HttpRequest("GET", "/100000")
        figures = measure(server, [request], seconds=0.5, connections=4)

    assert figures.per_second > 0 < figures.p99_ms
    # Less than the whole machine had, and not nothing.
    assert 0 < figures.cpu_us * figures.per_second < 1_000_000 * (os.cpu_count() or 1)


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
