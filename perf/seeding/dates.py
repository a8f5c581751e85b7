"""When seeded things happened. All is counted back from one fixed day, never from now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from .chance import Draw, lognormal

# Midnight after the last seeded event.
END = datetime(2026, 1, 1, tzinfo=UTC)
# Readers join in the two years before the first novel, novels and comics follow for five.
OPENING_DAY = END - timedelta(days=5 * 365)
FIRST_READER = OPENING_DAY - timedelta(days=2 * 365)

# Every tenth ten rows were made together, as an import would: they share their timestamp.
TOGETHER = 10


def made_at(draw: Draw, number: int, count: int, start: datetime, end: datetime) -> datetime:
    """Return when row `number` of `count` was made: later ones later, nearly all distinct."""
    step_us = (end - start) // timedelta(microseconds=1) // max(count, 1)
    jitter = draw()
    if number // TOGETHER % TOGETHER == TOGETHER - 7:
        number, jitter = number // TOGETHER * TOGETHER, 0.0
    return start + timedelta(microseconds=int((number + jitter) * step_us))


def changed_at(draw: Draw, made: datetime) -> datetime:
    """Return when a row was last changed: mostly soon after it was made."""
    return min(made + timedelta(hours=50) * lognormal(draw, 1.5), END)
