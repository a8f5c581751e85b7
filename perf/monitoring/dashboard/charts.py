"""Charts as inline SVG: CSS classes give the colours, no style, no script.

The templates `perf/chart_….html` have the elements; this module computes their places in units of
the chart, which scales to its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import inf
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from perf.monitoring.dashboard.formatting import format_ms, format_number
from perf.monitoring.dashboard.samples import Histogram

# The width of a phone, so that the labels stay readable there.
_WIDTH = 360
_FLOOR = 108
_MAX_BAR = 92
_SMALL_BAR = 18
_BAR_WIDTH = 120


def draw_histogram(histogram: Histogram, limit_ms: float | None) -> SafeString:
    """Draw the number of durations in each bucket; those beyond the limit stand out."""
    bars = list(_histogram_bars(histogram, limit_ms))
    label = (
        f"{format_number(histogram.count)} measurements, "
        f"p50 {format_ms(histogram.percentile_ms(0.5))}, "
        f"p95 {format_ms(histogram.percentile_ms(0.95))}"
    )
    return render_to_string("perf/chart_histogram.html", {"bars": bars, "label": label})


def _histogram_bars(histogram: Histogram, limit_ms: float | None) -> Iterator[dict[str, Any]]:
    step = _WIDTH / max(1, len(histogram.edges_ms))
    start = 0.0
    for number, (edge, count) in enumerate(zip(histogram.edges_ms, histogram.counts, strict=True)):
        height = max(_MAX_BAR * count / max(histogram.counts), 1.5) if count else 0
        is_last = edge == inf
        yield {
            "state": "over" if _is_over(start, limit_ms) else "within",
            "left": f"{number * step + 2:.1f}",
            "middle": f"{(number + 0.5) * step:.1f}",
            "top": f"{_FLOOR - height:.1f}",
            "width": f"{step - 4:.1f}",
            "height": f"{height:.1f}",
            "label_top": f"{_FLOOR - height - 4:.1f}",
            "count": _short(count) if count else "",
            "edge": f">{_edge(start)}" if is_last else _edge(edge),
            "title": f"{format_number(count)} "
            + (f"above {format_ms(start)}" if is_last else f"up to {format_ms(edge)}"),
        }
        start = edge


def draw_small_histogram(histogram: Histogram, limit_ms: float | None) -> SafeString:
    """Draw the histogram small enough for a row of a table."""
    largest = max(histogram.counts, default=0) or 1
    bars = []
    for number, count in enumerate(histogram.counts):
        start = histogram.edges_ms[number - 1] if number else 0
        height = max(_SMALL_BAR * count / largest, 1) if count else 0.5
        state = "none" if not count else "over" if _is_over(start, limit_ms) else "within"
        bars.append((state, number * 6, f"{20 - height:.1f}", f"{height:.1f}"))
    return render_to_string("perf/chart_small.html", {"bars": bars, "width": 6 * len(bars)})


def draw_trend(values: Sequence[float | None], limit: float | None = None) -> SafeString:
    """Draw values one after another, small enough for a row of a table."""
    largest = max((value for value in values if value is not None), default=0) or 1
    bars = []
    for number, value in enumerate(values):
        height = max(_SMALL_BAR * (value or 0) / largest, 0.5)
        is_over = limit is not None and value is not None and value > limit
        state = "none" if not value else "over" if is_over else "within"
        bars.append((state, number * 6, f"{20 - height:.1f}", f"{height:.1f}"))
    return render_to_string("perf/chart_small.html", {"bars": bars, "width": 6 * len(values)})


def draw_share(share: float | None, state: str = "plain") -> SafeString:
    """Draw a share of one as a bar; a share above one fills it."""
    width = min(1.0, max(0.0, share or 0.0)) * _BAR_WIDTH
    return render_to_string("perf/chart_share.html", {"state": state, "width": f"{width:.1f}"})


def draw_stack(
    parts: Iterable[tuple[str, float, str]], *, whole: float | None = None
) -> SafeString:
    """Draw parts side by side: the CSS class, size and title of each.

    Args:
        whole: The size of the whole bar; by default the sum of the parts.
    """
    parts = list(parts)
    whole = whole or sum(size for _, size, _ in parts) or 1
    left, bars = 0.0, []
    for name, size, title in parts:
        width = _BAR_WIDTH * size / whole
        bars.append((name, f"{left:.2f}", f"{width:.2f}", title))
        left += width
    label = ", ".join(title for _, size, title in parts if size)
    return render_to_string("perf/chart_stack.html", {"bars": bars, "label": label})


def _is_over(start_ms: float, limit_ms: float | None) -> bool:
    return limit_ms is not None and start_ms >= limit_ms


def _edge(edge_ms: float) -> str:
    return f"{edge_ms / 1000:g} s" if edge_ms >= 1000 else f"{edge_ms:g}"


def _short(count: float) -> str:
    for size, unit in ((1_000_000, "M"), (1_000, "k")):
        if count >= size:
            digits = 0 if count >= 10 * size else 1
            return f"{count / size:.{digits}f}{unit}"
    return f"{count:.0f}"
