"""Figures as people read them, with their units."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

NOTHING = "–"

# Keeps a figure and its unit on one line.
_SPACE = "\u00a0"


def number(value: float | None) -> str:
    """Return a count: 12,345; 1.2 million from a million on."""
    if value is None:
        return NOTHING
    if abs(value) >= 1_000_000_000:
        return f"{_short(value / 1_000_000_000)}{_SPACE}billion"
    if abs(value) >= 1_000_000:
        return f"{_short(value / 1_000_000)}{_SPACE}million"
    return f"{value:,.0f}"


def ms(value: float | None) -> str:
    """Return milliseconds: 40 µs, 2.3 ms, 640 ms; seconds from ten of them on."""
    if value is None:
        return NOTHING
    if value >= 10_000:
        return seconds(value / 1000)
    if value >= 100:
        return f"{value:,.0f}{_SPACE}ms"
    if value >= 0.1 or not value:
        return f"{_short(value)}{_SPACE}ms"
    return f"{value * 1000:.0f}{_SPACE}µs"


def seconds(value: float | None) -> str:
    """Return a length of time in its largest unit: 20 ms, 3.1 s, 12 min, 5 h, 9 d."""
    if value is None:
        return NOTHING
    if value < 1:
        return ms(value * 1000)
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if value >= 2 * size:
            return f"{value / size:,.0f}{_SPACE}{unit}"
    return f"{value:,.0f}{_SPACE}s" if value >= 10 else f"{_short(value)}{_SPACE}s"


def size(value: float | None) -> str:
    """Return bytes: 8 kB, 12 MB, 3.4 GB; as PostgreSQL counts them, by 1024."""
    if value is None:
        return NOTHING
    for exponent, unit in ((4, "TB"), (3, "GB"), (2, "MB"), (1, "kB")):
        part = value / 1024**exponent
        if part >= 1:
            return f"{part:,.0f}{_SPACE}{unit}" if part >= 10 else f"{_short(part)}{_SPACE}{unit}"
    return f"{value:,.0f}{_SPACE}B"


def percent(ratio: float | None) -> str:
    """Return a part of one: 93 %, and 99.7 % or 0.3 % at the edges."""
    if ratio is None:
        return NOTHING
    value = ratio * 100
    is_at_an_edge = 0 < value < 2 or 98 < value < 100
    return f"{_short(value) if is_at_an_edge else f'{value:,.0f}'}{_SPACE}%"


def ago(moment: datetime | None) -> str:
    """Return how long ago something happened; "never" for None."""
    if moment is None:
        return "never"
    is_new = (timezone.now() - moment).total_seconds() < 1
    return f"just{_SPACE}now" if is_new else f"{age(moment)}{_SPACE}ago"


def age(moment: datetime) -> str:
    """Return how long something has lasted."""
    return seconds(max(0.0, (timezone.now() - moment).total_seconds()))


def _short(value: float) -> str:
    """Return one digit after the point, unless it is nought."""
    return f"{value:,.1f}".removesuffix(".0")
