"""Whether figures of a long run are flat, and their chart."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable

import pytest

from perf.lab.load.flatness import BARS, Figure, draw_figures

SECONDS = 100.0


def make_figure(value_at: Callable[[int], float], slack: float = 0.0) -> Figure:
    points = [(float(second), value_at(second)) for second in range(100)]
    return Figure("memory", "MiB", slack, points)


@pytest.mark.parametrize(
    ("value_at", "is_flat"),
    [
        (lambda second: 100.0, True),
        (lambda second: min(second, 20) * 5.0, True),
        (lambda second: 100.0 + second, False),
        (lambda second: 100.0 - second, True),
        (lambda second: 5000.0 if second % 20 == 0 else 100.0, True),
    ],
    ids=["constant", "grows only at first", "grows", "falls", "rare peaks"],
)
def test_a_figure_is_flat_if_the_last_fifth_is_like_the_second(
    value_at: Callable[[int], float], is_flat: bool
) -> None:
    assert make_figure(value_at).is_flat(SECONDS) is is_flat


def test_a_little_growth_of_a_small_figure_is_flat() -> None:
    def value_at(second: int) -> float:
        return 1.0 if second < 50 else 3.0

    assert make_figure(value_at, slack=4).is_flat(SECONDS)
    assert not make_figure(value_at).is_flat(SECONDS)


def test_a_figure_without_values_is_not_flat() -> None:
    assert not Figure("memory", "MiB", 16).is_flat(SECONDS)


def test_the_chart_marks_the_bars_beyond_the_limit() -> None:
    figures = [make_figure(lambda second: 100.0 + second), make_figure(lambda second: 100.0)]

    chart = ElementTree.fromstring(draw_figures(figures, SECONDS, "1 minute & more"))  # noqa: S314

    bars = [each.get("class") for each in chart.iter() if each.get("class") in ("within", "over")]
    # The limit is 1.2 times the median of 120 to 139.
    assert len(bars) == 2 * BARS
    assert bars[:BARS].count("over") == pytest.approx(BARS * 0.45, abs=2)
    assert "over" not in bars[BARS:]
    assert "".join(chart.itertext()).count("memory: ") == 2
