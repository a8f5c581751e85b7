"""The words of sentences, and titles and names by number; `words.toml` has the words."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

_LISTS: dict[str, list[str]] = {
    name: words.split() if isinstance(words, str) else words
    for name, words in tomllib.loads(Path(__file__).with_name("words.toml").read_text()).items()
}
NOUNS, ADJECTIVES, VERBS = _LISTS["nouns"], _LISTS["adjectives"], _LISTS["verbs"]
MANNERS, PLACES, LINKS = _LISTS["manners"], _LISTS["places"], _LISTS["links"]
GIVEN_NAMES, PATTERNS = _LISTS["given_names"], _LISTS["patterns"]
FIRST, MIDDLE, LAST = _LISTS["first"], _LISTS["middle"], _LISTS["last"]

# Neighbouring numbers should not look alike: multiplying by a prime spreads them over the space.
SPREAD = 15_485_863
NAMES = len(FIRST) * len(MIDDLE) * len(LAST)
_PAIRS = len(ADJECTIVES) * len(NOUNS)


def get_name(number: int) -> str:
    """Return the name of a place or family; the first `NAMES` numbers give different names."""
    return _list_names()[number % NAMES]


def get_rare_name(number: int) -> str:
    """Return a name that neither `get_name` nor, below two million, another number gives."""
    extra, number = divmod(number, NAMES)
    return _build_name(number, MIDDLE[extra % len(MIDDLE)])


def get_person(number: int) -> str:
    """Return a given name and a family name."""
    return f"{GIVEN_NAMES[number * 17 % len(GIVEN_NAMES)]} {get_name(number)}"


def get_title(number: int) -> str:
    """Return the title of a novel; different numbers give different titles."""
    rest, pattern = divmod(number, len(PATTERNS))
    rest, position = divmod(rest, _PAIRS)
    # The pattern shifts the words, so that eight titles in a row do not share them.
    words = _get_pair(position * SPREAD + pattern * _PAIRS // len(PATTERNS) + rest)
    return PATTERNS[pattern].format(*words, get_name(position * 613 + pattern * 8191 + rest * 7))


def get_heading(number: int) -> str:
    """Return the title of a chapter; many chapters share one."""
    return "The {} {}".format(*_get_pair(number * SPREAD))


def _get_pair(number: int) -> tuple[str, str]:
    adjective, noun = divmod(number % _PAIRS, len(NOUNS))
    return ADJECTIVES[adjective].capitalize(), NOUNS[noun].capitalize()


@cache
def _list_names() -> list[str]:
    """Return all names: looking them up is faster than building them, and they take 8 MB."""
    return [_build_name(number) for number in range(NAMES)]


def _build_name(number: int, middle: str = "") -> str:
    rest, last = divmod(number * SPREAD % NAMES, len(LAST))
    first, second = divmod(rest, len(MIDDLE))
    return f"{FIRST[first]}{MIDDLE[second]}{middle}{LAST[last]}".capitalize()
