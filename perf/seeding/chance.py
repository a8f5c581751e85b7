"""Repeatable random numbers: the same for one seed on every machine and Python version.

Everything is derived from `random.Random(str)` and its `random()`, the two that Python keeps
stable; `choice`, `gauss` and their like may change between versions. A generator takes 8 µs to
create and 0.05 µs per number, so each table has one, not each row. A table that needs the numbers
of another table creates that table's generator again.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from random import Random
from typing import TypeVar

T = TypeVar("T")
Draw = Callable[[], float]

# A prime larger than any number of rows, so that multiplying by it permutes every range of rows.
PRIME = 2_147_483_647
# A part of the generators' names. Another version gives other rows, on which each budget in
# perf/budgets.toml has to be measured again.
VERSION = 1
# Values in a pool that rows pick from.
POOL = 4096

# Users join in the two years before the first novel; novels and comics follow for five years.
# Never counted from now, so that the timestamps are repeatable.
END = datetime(2026, 1, 1, tzinfo=UTC)
FIRST_NOVEL = END - timedelta(days=5 * 365)
FIRST_USER = END - timedelta(days=7 * 365)
# Every tenth group of ten rows has one timestamp, as after an import: pages must cope with it.
GROUP = 10
MEAN_CHANGE_S = 50 * 3600


def draws(*name: object) -> Draw:
    """Return a generator of numbers in [0, 1) that depends on `name` alone."""
    return Random("/".join(map(str, name))).random  # noqa: S311 - rows, not secrets


def pick(draw: Draw, values: Sequence[T]) -> T:
    """Return one of the values, all equally likely."""
    return values[int(draw() * len(values))]


def pool(values: Sequence[T], ranks: Skewed, draw: Draw) -> list[T]:
    """Return values to pick from, the first ones most often; faster than a rank for each row."""
    return [values[ranks.rank(draw)] for _ in range(POOL)]


def lognormal(draw: Draw, sigma: float) -> float:
    """Return a positive number with the mean 1: mostly a little below it, rarely far above."""
    normal = math.sqrt(-2 * math.log(1 - draw())) * math.cos(2 * math.pi * draw())
    return math.exp(sigma * normal - sigma * sigma / 2)


class Skewed:
    """Ranks 0, 1, 2, …, the first the most likely, by Zipf's law."""

    def __init__(self, count: int, exponent: float, shift: float = 1.0) -> None:
        weights = ((rank + shift) ** -exponent for rank in range(count))
        self._bounds = array("d", accumulate(weights))

    def rank(self, draw: Draw) -> int:
        bounds = self._bounds
        return min(bisect_right(bounds, draw() * bounds[-1]), len(bounds) - 1)


def permute(rank: int, count: int) -> int:
    """Return the place of `rank` in a permutation of `count` places; neighbours land far apart."""
    return rank * PRIME % count


def apportion(total: int, weights: Iterable[float]) -> array[int]:
    """Split `total` in proportion to the weights; each positive weight gets at least 1.

    Raises:
        ValueError: `total` is smaller than the number of positive weights, and not 0.
    """
    shares = array("d", weights)
    positive = sum(share > 0 for share in shares)
    if not total:
        return array("l", [0] * len(shares))
    if total < positive or not positive:
        raise ValueError(f"{total} cannot be split into {positive} parts of at least 1")
    spare = total - positive
    # Rounding the running sum, not each part, makes the parts add up to the total.
    running = array("d", accumulate(shares, initial=0.0))
    ends = [round(end / running[-1] * spare) for end in running]
    return array(
        "l",
        (
            after - before + (share > 0)
            for share, before, after in zip(shares, ends, ends[1:], strict=False)
        ),
    )


def made_at(draw: Draw, number: int, count: int, start: datetime, end: datetime) -> datetime:
    """Return the creation time of row `number` of `count`: later rows later, most distinct."""
    if number // GROUP % GROUP == 3:
        return start + (end - start) * (number // GROUP * GROUP / count)
    return start + (end - start) * ((number + draw()) / count)


def changed_at(draw: Draw, made: datetime) -> datetime:
    """Return the time of a row's last change: mostly soon after its creation."""
    return min(END, made + timedelta(seconds=MEAN_CHANGE_S * pick(draw, _CHANGES)))


_draw_change = draws("lognormals", "changes")
_CHANGES = [lognormal(_draw_change, 1.5) for _ in range(POOL)]
