from __future__ import annotations

from perf.seeding.naming import name, person, rare_word, title


def test_titles_and_names_of_different_numbers_differ() -> None:
    numbers = range(99_000, 160_000)

    assert len({title(number) for number in numbers}) == len(numbers)
    assert len({name(number) for number in numbers}) == len(numbers)
    assert person(1) != person(2)
    assert len({rare_word(number) for number in numbers}) == len(numbers)
