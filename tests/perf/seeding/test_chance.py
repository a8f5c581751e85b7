from __future__ import annotations

from typing import Any

import pytest

from perf.seeding.chance import Skewed, apportion, draws, permute


def test_draws_depend_on_their_name_alone() -> None:
    first, again, other = draws(42, "novel", 7), draws(42, "novel", 7), draws(42, "novel", 8)

    assert [first(), first()] == [again(), again()]
    assert first() != other()
    # Of Python 3.11; the same in every later version.
    assert draws(42, "novel", 7)() == 0.19080367249745844


@pytest.mark.parametrize("total", [5, 17, 1000])
def test_apportion_splits_exactly_and_gives_each_part_something(total: Any) -> None:
    parts = apportion(total, [1.0, 0.0, 5.0, 0.5, 2.0, 1.0])

    assert sum(parts) == total
    assert parts[1] == 0
    assert min(parts[:1] + parts[2:]) >= 1


def test_apportion_refuses_what_cannot_be_split() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        apportion(2, [1.0, 1.0, 1.0])


def test_low_ranks_are_drawn_most() -> None:
    draw = draws("ranks")
    ranks = Skewed(100, 1.0)

    drawn = [ranks.rank(draw) for _ in range(5000)]

    assert drawn.count(0) > drawn.count(10) > drawn.count(90)
    assert max(drawn) < 100


def test_permuted_is_a_permutation() -> None:
    assert sorted(permute(rank, 1000) for rank in range(1000)) == list(range(1000))
