from __future__ import annotations

from perf.seeding.words import get_name, get_person, get_rare_name, get_title


def test_titles_and_names_of_different_numbers_differ() -> None:
    numbers = range(99_000, 160_000)

    assert len({get_title(number) for number in numbers}) == len(numbers)
    assert len({get_name(number) for number in numbers}) == len(numbers)
    assert get_person(1) != get_person(2)
    assert len({get_rare_name(number) for number in numbers}) == len(numbers)
