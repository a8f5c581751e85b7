"""Histograms, formatted numbers and charts."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from perf.monitoring.dashboard.charts import draw_histogram, draw_share, draw_stack
from perf.monitoring.dashboard.formatting import (
    format_ago,
    format_bytes,
    format_ms,
    format_number,
    format_percent,
    format_seconds,
)
from perf.monitoring.dashboard.samples import Histogram, add_histograms, read_histograms
from tests.perf.monitoring.dashboard.conftest import combine, make_histogram

INFINITE = float("inf")


def build(*counts: int) -> Histogram:
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
def test_a_percentile_lies_within_its_bucket(
    counts: tuple[int, ...], part: float, ms: float | None
) -> None:
    assert build(*counts).percentile_ms(part) == ms


def test_histograms_add_up_over_labels() -> None:
    samples = combine(
        make_histogram("t", 1, 2, 0, 0, seconds=1.0, route="a", status="200"),
        make_histogram("t", 3, 0, 0, 1, seconds=2.0, route="a", status="500"),
        make_histogram("t", 0, 0, 1, 0, seconds=0.5, route="b", status="200"),
    )

    by_route = read_histograms(samples, "t", "route")

    assert by_route[("a",)] == Histogram((10.0, 100.0, 1000.0, INFINITE), (4, 2, 0, 1), 3000.0)
    assert add_histograms([*by_route.values()]).count == 8


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (format_ms(0.04), "40 µs"),
        (format_ms(2.34), "2.3 ms"),
        (format_ms(50.0), "50 ms"),
        (format_ms(2000), "2,000 ms"),
        (format_ms(90_000), "90 s"),
        (format_seconds(0.02), "20 ms"),
        (format_seconds(7200), "2 h"),
        (format_bytes(8192), "8 kB"),
        (format_bytes(3.44 * 1024**3), "3.4 GB"),
        (format_number(12_345), "12,345"),
        (format_number(10_200_000), "10.2 million"),
        (format_percent(0.934), "93 %"),
        (format_percent(0.997), "99.7 %"),
        (format_percent(1.0), "100 %"),
        (format_ago(None), "never"),
        (format_ms(None), "–"),
    ],
)
def test_numbers_are_formatted_with_units(text: str, expected: str) -> None:
    assert text.replace("\u00a0", " ") == expected


def test_elapsed_time_is_never_negative() -> None:
    assert format_ago(timezone.now() + timedelta(minutes=1)).replace("\u00a0", " ") == "just now"


def test_durations_over_the_limit_stand_out() -> None:
    svg = draw_histogram(build(5, 3, 0, 2), limit_ms=100.0)

    assert svg.count('class="within"') == 2
    assert svg.count('class="over"') == 2
    assert "10 measurements" in svg


@pytest.mark.parametrize(("part", "width"), [(None, "0.0"), (0.5, "60.0"), (7.0, "120.0")])
def test_a_share_above_one_fills_its_bar(part: float | None, width: str) -> None:
    assert f'class="fill" width="{width}"' in draw_share(part)


def test_charts_hold_no_style_and_escape_text() -> None:
    svg = draw_stack([("hit", 1.0, "<b>one</b>")]) + draw_share(0.5)

    assert "style" not in svg and "<b>" not in svg
