"""Repeatable random draws: the same for one seed on every machine and Python version.

Everything is derived from `random.Random(str)` and its `random()`, the two that Python keeps
stable; `choice`, `gauss` and their like may change between versions. A source takes 8 µs to make,
and 0.05 µs to draw from, so each table has one, not each row. Code that needs the draws of another
table makes that table's source again.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from random import Random
from typing import TypeVar

T = TypeVar("T")
Draw = Callable[[], float]

# A prime larger than any count of rows, so that multiplying by it permutes every range of rows.
PRIME = 2_147_483_647

# Values in a pool that rows pick from.
POOL = 4096


def draws(*name: object) -> Draw:
    """Return a source of numbers in [0, 1) that depends on `name` alone."""
    return Random("/".join(map(str, name))).random  # noqa: S311 - rows, not secrets


def pick(draw: Draw, values: Sequence[T]) -> T:
    """Return one of the values, each as likely as the others."""
    return values[int(draw() * len(values))]


def pool(values: Sequence[T], ranks: Skewed, draw: Draw) -> list[T]:
    """Return values to pick from, those in front more often than others: cheaper than ranks."""
    return [values[ranks.rank(draw)] for _ in range(POOL)]


def lognormals(name: str, sigma: float) -> list[float]:
    """Return numbers to pick from, drawn by `lognormal`."""
    draw = draws("lognormals", name)
    return [lognormal(draw, sigma) for _ in range(POOL)]


def lognormal(draw: Draw, sigma: float) -> float:
    """Return a positive number whose mean is 1: many a little below it, few far above."""
    normal = math.sqrt(-2 * math.log(1 - draw())) * math.cos(2 * math.pi * draw())
    return math.exp(sigma * normal - sigma * sigma / 2)


class Skewed:
    """Ranks 0, 1, 2, …, the first the most likely, as Zipf's law has it."""

    def __init__(self, count: int, exponent: float, shift: float = 1.0) -> None:
        weights = ((rank + shift) ** -exponent for rank in range(count))
        self._bounds = array("d", accumulate(weights))

    def rank(self, draw: Draw) -> int:
        bounds = self._bounds
        return min(bisect_right(bounds, draw() * bounds[-1]), len(bounds) - 1)


def permute(rank: int, count: int) -> int:
    """Return where `rank` of `count` goes; ranks that follow each other land far apart."""
    return rank * PRIME % count


def apportion(total: int, weights: Iterable[float]) -> array[int]:
    """Split `total` in proportion to the weights; no part of positive weight gets nothing.

    Raises:
        ValueError: `total` is smaller than the number of positive weights, and not 0.
    """
    shares = array("d", weights)
    positive = sum(1 for share in shares if share > 0)
    parts = array("l", bytes(array("l").itemsize * len(shares)))
    if total == 0:
        return parts
    if total < positive or not positive:
        raise ValueError(f"{total} cannot be split into {positive} parts of at least 1")
    scale = (total - positive) / sum(shares)
    running, given = 0.0, 0
    last = max(index for index, share in enumerate(shares) if share > 0)
    for index, share in enumerate(shares):
        running += share * scale
        upto = total - positive if index == last else min(int(running), total - positive)
        parts[index] = upto - given + 1 if share > 0 else 0
        given = max(given, upto)
    return parts
