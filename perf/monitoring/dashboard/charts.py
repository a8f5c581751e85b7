"""Charts as inline SVG, drawn on the server: CSS classes give the colours, no style, no script.

Sizes are in units of the chart, which scales to its place.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from perf.monitoring.dashboard.formatting import format_ms, format_number
from perf.monitoring.dashboard.samples import Histogram

# The width of a phone, so that the labels stay readable there.
_WIDTH = 360
_HEIGHT = 132
_FLOOR = 108
_MAX_BAR = 92

_BAR_WIDTH = 120
_BAR_HEIGHT = 8


def draw_histogram(histogram: Histogram, limit_ms: float | None) -> SafeString:
    """Draw the number of durations in each bucket; those beyond the limit stand out."""
    step = _WIDTH / max(1, len(histogram.edges_ms))
    bars = format_html_join(
        "\n",
        '<g class="{}"><rect x="{}" y="{}" width="{}" height="{}" rx="1.5"/>'
        '<text class="count" x="{}" y="{}">{}</text>'
        '<text class="edge" x="{}" y="{}">{}</text><title>{}</title></g>',
        (
            _histogram_bar(histogram, bucket, limit_ms, step=step)
            for bucket in range(len(histogram.counts))
        ),
    )
    label = (
        f"{format_number(histogram.count)} measurements, "
        f"p50 {format_ms(histogram.percentile_ms(0.5))}, "
        f"p95 {format_ms(histogram.percentile_ms(0.95))}"
    )
    return format_html(
        '<svg class="chart histogram" viewBox="0 0 {} {}" role="img" aria-label="{}">'
        '{}<path class="axis" d="M0 {}H{}"/></svg>',
        *(_WIDTH, _HEIGHT, label, bars, _FLOOR, _WIDTH),
    )


def _histogram_bar(
    histogram: Histogram, bucket: int, limit_ms: float | None, *, step: float
) -> tuple[object, ...]:
    count, edge = histogram.counts[bucket], histogram.edges_ms[bucket]
    start = histogram.edges_ms[bucket - 1] if bucket else 0
    height = max(_MAX_BAR * count / max(histogram.counts), 1.5) if count else 0
    left, middle = bucket * step, bucket * step + step / 2
    if edge == inf:
        label, title = f">{_edge(start)}", f"{format_number(count)} above {format_ms(start)}"
    else:
        label, title = _edge(edge), f"{format_number(count)} up to {format_ms(edge)}"
    return (
        "over" if _is_over(start, limit_ms) else "within",
        *(f"{left + 2:.1f}", f"{_FLOOR - height:.1f}", f"{step - 4:.1f}", f"{height:.1f}"),
        *(f"{middle:.1f}", f"{_FLOOR - height - 4:.1f}", _short(count) if count else ""),
        *(f"{middle:.1f}", _FLOOR + 13, label, title),
    )


def draw_small_histogram(histogram: Histogram, limit_ms: float | None) -> SafeString:
    """Draw the histogram small enough for a row of a table."""
    largest = max(histogram.counts, default=0) or 1
    bars = []
    for bucket, count in enumerate(histogram.counts):
        start = histogram.edges_ms[bucket - 1] if bucket else 0
        height = max(18 * count / largest, 1) if count else 0.5
        state = "none" if not count else "over" if _is_over(start, limit_ms) else "within"
        bars.append((state, bucket * 6, f"{20 - height:.1f}", 5, f"{height:.1f}"))
    return format_html(
        '<svg class="chart small" viewBox="0 0 78 20" aria-hidden="true">{}</svg>',
        format_html_join("", '<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>', bars),
    )


def draw_share(share: float | None, state: str = "plain") -> SafeString:
    """Draw a share of one as a bar; a share above one fills it."""
    width = min(1.0, max(0.0, share or 0.0)) * _BAR_WIDTH
    return format_html(
        '<svg class="chart share {}" viewBox="0 0 {} {}" preserveAspectRatio="none"'
        ' aria-hidden="true"><rect class="track" width="{}" height="{}"/>'
        '<rect class="fill" width="{}" height="{}"/></svg>',
        state,
        *(_BAR_WIDTH, _BAR_HEIGHT, _BAR_WIDTH, _BAR_HEIGHT),
        f"{width:.1f}",
        _BAR_HEIGHT,
    )


def draw_stack(
    parts: Iterable[tuple[str, float, str]], *, whole: float | None = None
) -> SafeString:
    """Draw parts side by side: the CSS class, size and title of each.

    Args:
        whole: The size of the whole bar; by default the sum of the parts.
    """
    parts = list(parts)
    whole = whole or sum(size for _, size, _ in parts) or 1
    left, rects = 0.0, []
    for name, size, title in parts:
        width = _BAR_WIDTH * size / whole
        rects.append((name, f"{left:.2f}", f"{width:.2f}", _BAR_HEIGHT, title))
        left += width
    return format_html(
        '<svg class="chart stack" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img"'
        ' aria-label="{}"><rect class="track" width="{}" height="{}"/>{}</svg>',
        *(_BAR_WIDTH, _BAR_HEIGHT),
        ", ".join(title for _, size, title in parts if size),
        *(_BAR_WIDTH, _BAR_HEIGHT),
        format_html_join(
            "",
            '<rect class="{}" x="{}" width="{}" height="{}"><title>{}</title></rect>',
            rects,
        ),
    )


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
