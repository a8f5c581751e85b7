"""The arithmetic of the comparison."""

from __future__ import annotations

import os
import re

import pytest

from perf.lab.offload.servers import CONSTANT, servers
from perf.lab.peers.answers import _where
from perf.lab.peers.turns import Figures, by_turns, measured, medians, ratio


def test_everybody_has_a_turn_in_each_round():
    asked = []

    found = by_turns("ab", lambda name: asked.append(name) or len(asked), rounds=2)

    assert asked == ["a", "b", "a", "b"]
    assert found == {"a": [1, 3], "b": [2, 4]}


def test_a_ratio_compares_what_was_measured_in_the_same_round():
    # Twice as fast in each of them, though the machine was ten times as slow in the second.
    assert ratio([200, 20, 220], [100, 10, 110]) == 2


def test_each_figure_has_its_own_median():
    rounds = [Figures(1, 30, 5), Figures(3, 10, 4), Figures(2, 20, 6)]

    assert medians(rounds) == Figures(2, 20, 5)


def test_a_server_is_measured_with_the_time_that_its_processes_took():
    with servers(os.environ, count=1, application=CONSTANT) as [port]:
        found = measured(port, "/100000", seconds=0.5, connections=4)

    assert found.per_second > 0 < found.p99_ms
    # Less than the whole machine had, and not nothing.
    assert 0 < found.cpu_us * found.per_second < 1_000_000 * (os.cpu_count() or 1)


@pytest.mark.parametrize(
    ("expected", "found", "place"),
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
def test_a_difference_is_shown_where_it_is(expected, found, place):
    assert re.search(place, _where(expected, found))
