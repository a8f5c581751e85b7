"""Figures made of histograms, and how they are written and drawn."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from perf.monitoring.dashboard import charts, figures
from perf.monitoring.dashboard.metrics import Histogram, added, histograms
from tests.perf.monitoring.dashboard.conftest import histogram, of

INFINITE = float("inf")


def made(*counts: int) -> Histogram:
    return Histogram((10.0, 100.0, 1000.0, INFINITE), counts, 0.0)


@pytest.mark.parametrize(
    ("counts", "part", "ms"),
    [
        ((100, 0, 0, 0), 0.5, 5.0),
        ((50, 50, 0, 0), 0.95, 91.0),
        ((0, 0, 100, 0), 0.95, 955.0),
        ((0, 0, 0, 100), 0.95, 1000.0),
        ((0, 0, 0, 0), 0.95, None),
    ],
)
def test_a_percentile_lies_within_its_bucket(counts, part, ms):
    assert made(*counts).percentile_ms(part) == ms


def test_figures_of_several_labels_add_up():
    found = of(
        histogram("t", 1, 2, 0, 0, seconds=1.0, route="a", status="200"),
        histogram("t", 3, 0, 0, 1, seconds=2.0, route="a", status="500"),
        histogram("t", 0, 0, 1, 0, seconds=0.5, route="b", status="200"),
    )

    by_route = histograms(found, "t", "route")

    assert by_route[("a",)] == Histogram((10.0, 100.0, 1000.0, INFINITE), (4, 2, 0, 1), 3000.0)
    assert added([*by_route.values()]).count == 8


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (figures.ms(0.04), "40 µs"),
        (figures.ms(2.34), "2.3 ms"),
        (figures.ms(50.0), "50 ms"),
        (figures.ms(2000), "2,000 ms"),
        (figures.ms(90_000), "90 s"),
        (figures.seconds(0.02), "20 ms"),
        (figures.seconds(7200), "2 h"),
        (figures.size(8192), "8 kB"),
        (figures.size(3.44 * 1024**3), "3.4 GB"),
        (figures.number(12_345), "12,345"),
        (figures.number(10_200_000), "10.2 million"),
        (figures.percent(0.934), "93 %"),
        (figures.percent(0.997), "99.7 %"),
        (figures.percent(1.0), "100 %"),
        (figures.ago(None), "never"),
        (figures.ms(None), "–"),
    ],
)
def test_figures_are_written_with_their_units(written, expected):
    assert written.replace("\u00a0", " ") == expected


def test_time_that_has_passed_is_never_negative():
    assert figures.ago(timezone.now() + timedelta(minutes=1)).replace("\u00a0", " ") == "just now"


def test_what_took_longer_than_the_limit_stands_out():
    drawn = charts.histogram(made(5, 3, 0, 2), limit_ms=100.0)

    assert drawn.count('class="within"') == 2
    assert drawn.count('class="over"') == 2
    assert "10 measurements" in drawn


@pytest.mark.parametrize(("part", "width"), [(None, "0.0"), (0.5, "60.0"), (7.0, "120.0")])
def test_a_part_beyond_one_fills_its_bar_and_no_more(part, width):
    assert f'class="fill" width="{width}"' in charts.share(part)


def test_pictures_hold_no_style_and_no_text_of_others():
    drawn = charts.stack([("hit", 1.0, "<b>one</b>")]) + charts.share(0.5)

    assert "style" not in drawn and "<b>" not in drawn
