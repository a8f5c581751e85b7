"""Charts as SVG by hand; words stand beside them in HTML, so that they never shrink with it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape

# The axis of all times, in milliseconds, by powers of ten.
LEAST_MS, MOST_MS = 0.1, 10_000.0
TICKS_MS = (0.1, 1, 10, 100, 1000, 10_000)
WIDTH, HEIGHT = 1000, 46
BINS = 110
COLOURS = ("--a", "--b", "--c", "--d", "--e", "--f")


def place(ms: float) -> float:
    """Return where a time lies on the axis, from 0 to 1."""
    share = math.log(max(ms, LEAST_MS) / LEAST_MS) / math.log(MOST_MS / LEAST_MS)
    return min(share, 1.0)


def axis() -> str:
    """Return the axis of times."""
    marks = "".join(f'<span style="left:{place(ms):.2%}">{_words(ms)}</span>' for ms in TICKS_MS)
    return f'<div class="axis">{marks}</div>'


def _words(ms: float) -> str:
    return f"{ms / 1000:g} s" if ms >= 1000 else f"{ms:g} ms"


def distributions(
    above: Sequence[float], below: Sequence[float], limit_ms: float, colours: tuple[str, str]
) -> str:
    """Return one picture of two distributions, back to back, with the budget as a line.

    One alone stands on the ground.
    """
    middle = HEIGHT / 2 if below else HEIGHT - 4.0
    grid = "".join(
        f'<path d="M{place(ms) * WIDTH:.1f} 0V{HEIGHT}" stroke="var(--line)" '
        f'vector-effect="non-scaling-stroke"/>'
        for ms in TICKS_MS
    )
    parts = [
        _shape(ms, middle, sign, colour)
        for ms, sign, colour in ((above, -1, colours[0]), (below, 1, colours[1]))
        if ms
    ]
    at = place(limit_ms) * WIDTH
    limit = (
        f'<path d="M{at:.1f} 1V{HEIGHT - 1}" stroke="var(--limit)" stroke-width="2.5" '
        f'vector-effect="non-scaling-stroke"/>'
    )
    return _svg(WIDTH, HEIGHT, grid + "".join(parts) + limit)


def _shape(ms: Sequence[float], middle: float, sign: int, colour: str) -> str:
    """Return the smoothed histogram of times on one side, its median, and the rest to the max."""
    reach = min(middle, HEIGHT - 6) - 3
    counts = [0.0] * BINS
    for value in ms:
        counts[min(int(place(value) * BINS), BINS - 1)] += 1
    smooth = _smoothed(counts)
    most = max(smooth)
    points = [
        (x * WIDTH / BINS, middle + sign * (1 + reach * count / most))
        for x, count in enumerate(smooth)
        if count > most * 0.004
    ]
    first, last = points[0][0], points[-1][0] + WIDTH / BINS
    line = "L".join(f"{x + WIDTH / BINS / 2:.1f} {y:.1f}" for x, y in points)
    edge = middle + sign
    area = f"M{first:.1f} {edge:.1f}L{line}L{last:.1f} {edge:.1f}Z"
    median = place(sorted(ms)[len(ms) // 2]) * WIDTH
    top = middle + sign * reach
    return (
        f'<path d="{area}" fill="var({colour})" fill-opacity=".55"/>'
        f'<path d="M{median:.1f} {edge:.1f}V{top:.1f}" stroke="var({colour})" stroke-width="2" '
        f'vector-effect="non-scaling-stroke"/>'
        f'<path d="M{last:.1f} {edge:.1f}H{place(max(ms)) * WIDTH:.1f}" stroke="var({colour})" '
        f'stroke-opacity=".5" vector-effect="non-scaling-stroke"/>'
    )


def _smoothed(counts: list[float]) -> list[float]:
    weights = (1, 3, 4, 3, 1)
    reach = len(weights) // 2
    return [
        sum(
            weight * counts[at + offset]
            for offset, weight in enumerate(weights, -reach)
            if 0 <= at + offset < len(counts)
        )
        for at in range(len(counts))
    ]


Series = dict[str, list[tuple[float, float]]]


def plot(
    series: Series, *, x_ticks: dict[float, str], unit: str, x_of: Callable[[float], float]
) -> str:
    """Return lines over an axis that begins at 0, with a legend below.

    Args:
        x_ticks: Words for places of the x axis.
        x_of: Where a value lies on the x axis, from 0 to 1.
    """
    most = _round_up(max(y for points in series.values() for _, y in points))
    y_ticks = [most * part / 4 for part in range(5)]
    grid = "".join(
        f'<path d="M0 {100 - 100 * y / most:.1f}H100" stroke="var(--line)" '
        f'vector-effect="non-scaling-stroke"/>'
        for y in y_ticks
    )
    lines = "".join(
        _line([(100 * x_of(x), 100 - 100 * y / most) for x, y in points], colour)
        for points, colour in zip(series.values(), COLOURS, strict=False)
    )
    labels = "".join(
        f'<span class="y" style="top:{1 - y / most:.1%}">{y:,.3g}{unit if y == most else ""}</span>'
        for y in y_ticks
    ) + "".join(
        f'<span class="x" style="left:{x_of(x):.1%}">{escape(word)}</span>'
        for x, word in x_ticks.items()
    )
    names = "".join(
        f'<span><i style="background:var({colour})"></i>{escape(name)}</span>'
        for name, colour in zip(series, COLOURS, strict=False)
    )
    picture = _svg(100, 100, grid + lines)
    return f'<div class="plot">{picture}{labels}</div><div class="legend">{names}</div>'


def _line(points: list[tuple[float, float]], colour: str) -> str:
    path = "L".join(f"{x:.2f} {y:.2f}" for x, y in points)
    # A line of no length with round ends is a dot that keeps its shape.
    dots = "".join(f"M{x:.2f} {y:.2f}h0" for x, y in points)
    style = f'stroke="var({colour})" fill="none" vector-effect="non-scaling-stroke"'
    return (
        f'<path d="M{path}" {style} stroke-width="2" stroke-linejoin="round"/>'
        f'<path d="{dots}" {style} stroke-width="6" stroke-linecap="round"/>'
    )


def _round_up(value: float) -> float:
    """Return 1, 2, 4 or 8 times a power of ten, at least the value."""
    power = 10.0 ** math.floor(math.log10(max(value, 1e-6)))
    return next(power * step for step in (1, 2, 4, 8, 10) if power * step >= value * 0.999)


def _svg(width: int, height: int, inside: str) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" preserveAspectRatio="none" aria-hidden="true">'
        f"{inside}</svg>"
    )
