"""Pictures, drawn on the server as SVG: classes for the colours, no style and no script in them.

Sizes are in units of the picture, which fits itself to its place.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from perf.monitoring.dashboard import figures
from perf.monitoring.dashboard.metrics import Histogram

# As wide as a phone, so that the labels can be read there.
_WIDTH = 360
_HEIGHT = 132
_FLOOR = 108
_ROOM = 92  # What the tallest bar has.

_BAR_WIDTH = 120
_BAR_HEIGHT = 8


def histogram(found: Histogram, limit_ms: float | None) -> SafeString:
    """Draw how often what took how long; what took longer than the limit stands out."""
    step = _WIDTH / max(1, len(found.edges_ms))
    most = max(found.counts, default=0) or 1
    bars = format_html_join(
        "\n",
        '<g class="{}"><rect x="{}" y="{}" width="{}" height="{}" rx="1.5"/>'
        '<text class="count" x="{}" y="{}">{}</text>'
        '<text class="edge" x="{}" y="{}">{}</text><title>{}</title></g>',
        (
            _histogram_bar(found, at, limit_ms, step=step, most=most)
            for at in range(len(found.counts))
        ),
    )
    said = (
        f"{figures.number(found.count)} measurements, "
        f"half of them within {figures.ms(found.percentile_ms(0.5))}, "
        f"95 % within {figures.ms(found.percentile_ms(0.95))}"
    )
    return format_html(
        '<svg class="chart histogram" viewBox="0 0 {} {}" role="img" aria-label="{}">'
        '{}<path class="axis" d="M0 {}H{}"/></svg>',
        _WIDTH,
        _HEIGHT,
        said,
        bars,
        _FLOOR,
        _WIDTH,
    )


def _histogram_bar(
    found: Histogram, at: int, limit_ms: float | None, *, step: float, most: float
) -> tuple[object, ...]:
    count, edge = found.counts[at], found.edges_ms[at]
    start = found.edges_ms[at - 1] if at else 0
    height = max(_ROOM * count / most, 1.5) if count else 0
    left, middle = at * step, at * step + step / 2
    is_over = limit_ms is not None and start >= limit_ms
    label = f">{_edge(start)}" if edge == inf else _edge(edge)
    title = f"{figures.number(count)} {'above' if edge == inf else 'up to'} " + figures.ms(
        start if edge == inf else edge
    )
    return (
        "over" if is_over else "within",
        f"{left + 2:.1f}",
        f"{_FLOOR - height:.1f}",
        f"{step - 4:.1f}",
        f"{height:.1f}",
        f"{middle:.1f}",
        f"{_FLOOR - height - 4:.1f}",
        _short(count) if count else "",
        f"{middle:.1f}",
        _FLOOR + 13,
        label,
        title,
    )


def _edge(edge_ms: float) -> str:
    return f"{edge_ms / 1000:g} s" if edge_ms >= 1000 else f"{edge_ms:g}"


def _short(count: float) -> str:
    for size, unit in ((1_000_000, "M"), (1_000, "k")):
        if count >= size:
            return (
                f"{count / size:.0f}{unit}" if count >= 10 * size else f"{count / size:.1f}{unit}"
            )
    return f"{count:.0f}"


def small_histogram(found: Histogram, limit_ms: float | None) -> SafeString:
    """Draw the same small enough for a row of a table."""
    most = max(found.counts, default=0) or 1
    bars = []
    for at, count in enumerate(found.counts):
        start = found.edges_ms[at - 1] if at else 0
        height = max(18 * count / most, 1) if count else 0.5
        is_over = limit_ms is not None and start >= limit_ms and count > 0
        state = "over" if is_over else "within" if count else "none"
        bars.append((state, at * 6, f"{20 - height:.1f}", 5, f"{height:.1f}"))
    return format_html(
        '<svg class="chart small" viewBox="0 0 78 20" aria-hidden="true">{}</svg>',
        format_html_join("", '<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>', bars),
    )


def share(part: float | None, state: str = "plain") -> SafeString:
    """Draw a part of one; more than one fills the bar and stays a full bar."""
    width = min(1.0, max(0.0, part or 0.0)) * _BAR_WIDTH
    return format_html(
        '<svg class="chart share {}" viewBox="0 0 {} {}" preserveAspectRatio="none"'
        ' aria-hidden="true"><rect class="track" width="{}" height="{}"/>'
        '<rect class="fill" width="{}" height="{}"/></svg>',
        state,
        *(_BAR_WIDTH, _BAR_HEIGHT, _BAR_WIDTH, _BAR_HEIGHT),
        f"{width:.1f}",
        _BAR_HEIGHT,
    )


def stack(parts: Iterable[tuple[str, float, str]], *, of: float | None = None) -> SafeString:
    """Draw parts beside each other: the class of each, its size, and what it is.

    Args:
        of: What the whole bar stands for; the sum of the parts, unless told otherwise.
    """
    given = list(parts)
    whole = of or sum(size for _, size, _ in given) or 1
    left, drawn = 0.0, []
    for name, size, title in given:
        width = _BAR_WIDTH * size / whole
        drawn.append((name, f"{left:.2f}", f"{width:.2f}", _BAR_HEIGHT, title))
        left += width
    return format_html(
        '<svg class="chart stack" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img"'
        ' aria-label="{}"><rect class="track" width="{}" height="{}"/>{}</svg>',
        *(_BAR_WIDTH, _BAR_HEIGHT),
        ", ".join(title for _, size, title in given if size),
        *(_BAR_WIDTH, _BAR_HEIGHT),
        format_html_join(
            "",
            '<rect class="{}" x="{}" width="{}" height="{}"><title>{}</title></rect>',
            drawn,
        ),
    )
