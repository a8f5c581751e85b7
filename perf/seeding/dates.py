"""Timestamps of seeded rows, counted back from one fixed day, never from now.

A moment is a whole number of seconds since `DAY_ONE`: cheaper than a datetime, a million times.
"""

from __future__ import annotations

from datetime import date, timedelta

from .chance import Draw, lognormals, pick

DAY_S = 24 * 3600
# Readers join in the two years before the first novel, novels and comics follow for five. END is
# the midnight after the last seeded event.
DAY_ONE = date(2026, 1, 1) - timedelta(days=7 * 365)
FIRST_READER = 0
OPENING_DAY = 2 * 365 * DAY_S
END = 7 * 365 * DAY_S
# Every second has one of so many fractions: all digits of a timestamp are in use.
FRACTIONS = 997

# Every tenth ten rows were made together, as an import would: they share their moment.
TOGETHER = 10
MEAN_CHANGE_S = 50 * 3600
CHANGES = lognormals("changes", 1.5)


def made_at(draw: Draw, number: int, count: int, start: int, end: int) -> int:
    """Return when row `number` of `count` was made: later ones later, nearly all distinct."""
    if number // TOGETHER % TOGETHER == TOGETHER - 7:
        return start + (end - start) * (number // TOGETHER * TOGETHER) // count
    return start + int((end - start) * (number + draw()) / count)


def changed_at(draw: Draw, made: int) -> int:
    """Return when a row was last changed: mostly soon after it was made."""
    changed = made + int(MEAN_CHANGE_S * pick(draw, CHANGES))
    return changed if changed < END else END


def stamp(moment: int) -> str:
    """Return a moment as PostgreSQL reads it."""
    day, second = divmod(moment, DAY_S)
    return f"{_DAYS[day]}{_CLOCK[second]}{_FRACTIONS[moment % FRACTIONS]}"


_DAYS = [f"{DAY_ONE + timedelta(days=number)} " for number in range(END // DAY_S + 1)]
_SIXTY = [f"{number:02}" for number in range(60)]
_CLOCK = [f"{h}:{m}:{s}." for h in _SIXTY[:24] for m in _SIXTY for s in _SIXTY]
_FRACTIONS = [f"{number * 1_000_000 // FRACTIONS:06}+00" for number in range(FRACTIONS)]
