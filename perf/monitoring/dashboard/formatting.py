"""Numbers with their units, as text."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

NONE = "–"

# Keeps a number and its unit on one line.
_SPACE = "\u00a0"


def format_number(value: float | None) -> str:
    """Return a count: 12,345; 1.2 million."""
    if value is None:
        return NONE
    for size, unit in ((1_000_000_000, "billion"), (1_000_000, "million")):
        if abs(value) >= size:
            return f"{_one_decimal(value / size)}{_SPACE}{unit}"
    return f"{value:,.0f}"


def format_average(total: float, count: float) -> str:
    """Return a total per item: 1.5; 12,345."""
    average = total / count if count else 0
    return f"{average:,.0f}" if average >= 10 else f"{average:.1f}"


def format_ms(value: float | None) -> str:
    """Return milliseconds: 40 µs, 2.3 ms, 640 ms; from 10,000 on, seconds."""
    if value is None:
        return NONE
    if value >= 10_000:
        return format_seconds(value / 1000)
    if value >= 100:
        return f"{value:,.0f}{_SPACE}ms"
    if value >= 0.1 or not value:
        return f"{_one_decimal(value)}{_SPACE}ms"
    return f"{value * 1000:.0f}{_SPACE}µs"


def format_seconds(value: float | None) -> str:
    """Return a duration in its largest unit: 20 ms, 3.1 s, 12 min, 5 h, 9 d."""
    if value is None:
        return NONE
    if value < 1:
        return format_ms(value * 1000)
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if value >= 2 * size:
            return f"{value / size:,.0f}{_SPACE}{unit}"
    return f"{value:,.0f}{_SPACE}s" if value >= 10 else f"{_one_decimal(value)}{_SPACE}s"


def format_bytes(value: float | None) -> str:
    """Return bytes in units of 1024, as PostgreSQL does: 8 kB, 12 MB, 3.4 GB."""
    if value is None:
        return NONE
    for exponent, unit in ((4, "TB"), (3, "GB"), (2, "MB"), (1, "kB")):
        size = value / 1024**exponent
        if size >= 1:
            digits = f"{size:,.0f}" if size >= 10 else _one_decimal(size)
            return f"{digits}{_SPACE}{unit}"
    return f"{value:,.0f}{_SPACE}B"


def format_percent(ratio: float | None) -> str:
    """Return a share: 93 %; near 0 and 100 with a decimal, 99.7 %."""
    if ratio is None:
        return NONE
    value = ratio * 100
    is_near_edge = 0 < value < 2 or 98 < value < 100
    return f"{_one_decimal(value) if is_near_edge else f'{value:,.0f}'}{_SPACE}%"


def format_age(moment: datetime) -> str:
    """Return the time since a moment: 5 h."""
    return format_seconds(max(0.0, (timezone.now() - moment).total_seconds()))


def format_ago(moment: datetime | None) -> str:
    """Return the time since a moment: 5 h ago, just now, never."""
    if moment is None:
        return "never"
    is_new = (timezone.now() - moment).total_seconds() < 1
    return f"just{_SPACE}now" if is_new else f"{format_age(moment)}{_SPACE}ago"


def _one_decimal(value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0")
