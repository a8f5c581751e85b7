"""Titles and names by number: different numbers give different names."""

from __future__ import annotations

from functools import cache

from .lexicon import ADJECTIVES, GIVEN_NAMES, NOUNS

# Neighbouring numbers should not look alike: multiplying by a prime spreads them over the space.
SPREAD = 15_485_863

FIRST = """
al ar ash bel ber bran bur cal car cor dal dar del dun ed el fair fen gal gar glen hal har haw hol
in kel ken kin lan lin lor mal mar mel mor nor or pel pen quin ral ran rol ros sal sel sil sol tal
tam tor ul val ver wal win wyn yar zel
""".split()
MIDDLE = """
a ba be da den di do ga la le li lo ma me mi mo na ne ni no ra re ri ro sa se ta ti va vi
""".split()
LAST = """
bury by cott croft dale den don field ford gate ham hurst ington land ley low mere mond mont more
port ridge row sby shaw stead ston thorpe ton vale ville well wick win wood worth
""".split()

SHORT_NAMES = len(FIRST) * len(MIDDLE) * len(LAST)

# Every pattern takes an adjective, a noun and a name, so each has room for millions of titles.
PATTERNS = [
    "The {0} {1} of {2}",
    "{2} and the {0} {1}",
    "One {0} {1} in {2}",
    "{0} {1}, {2}",
    "Beyond the {0} {1} of {2}",
    "{2}, or the {0} {1}",
    "My {0} {1} at {2}",
    "No {1} for the {0} of {2}",
]

_TITLED_BY = [pattern.format for pattern in PATTERNS]
_NOUNS = [noun.capitalize() for noun in NOUNS]
_ADJECTIVES = [adjective.capitalize() for adjective in ADJECTIVES]
_BEGINNINGS = [(first + middle).capitalize() for first in FIRST for middle in MIDDLE]
_TITLE_WORDS = len(ADJECTIVES) * len(NOUNS)


def name(number: int) -> str:
    """Return a place or family name; the first `SHORT_NAMES` are short."""
    if number < SHORT_NAMES:
        return _short_names()[number]
    longer_by, short = divmod(number, SHORT_NAMES)
    return _name(short, MIDDLE[longer_by % len(MIDDLE)])


def person(number: int) -> str:
    """Return a given and a family name."""
    return f"{GIVEN_NAMES[number * 17 % len(GIVEN_NAMES)]} {name(number)}"


def title(number: int) -> str:
    """Return a title of a novel."""
    rest, pattern = divmod(number, len(PATTERNS))
    rest, position = divmod(rest, _TITLE_WORDS)
    # The pattern shifts, lest eight titles in a row share their words.
    shifted = position * SPREAD + pattern * _TITLE_WORDS // len(PATTERNS) + rest
    adjective, noun = divmod(shifted % _TITLE_WORDS, len(NOUNS))
    named = (position * 613 + pattern * 8191 + rest * 7) % SHORT_NAMES
    return _TITLED_BY[pattern](_ADJECTIVES[adjective], _NOUNS[noun], _short_names()[named])


def heading(number: int) -> str:
    """Return a title of a chapter; many chapters share one."""
    adjective, noun = divmod(number * SPREAD % _TITLE_WORDS, len(NOUNS))
    return f"The {_ADJECTIVES[adjective]} {_NOUNS[noun]}"


def rare_word(number: int) -> str:
    """Return a word that no other number gives, for the first four million numbers."""
    beginnings, endings = _word_halves()
    first, second = divmod(number * SPREAD % (len(beginnings) * len(endings)), len(endings))
    return beginnings[first] + endings[second]


@cache
def _short_names() -> list[str]:
    """Return all short names: a title takes one in no time, and they are 8 MB."""
    return [_name(number, "") for number in range(SHORT_NAMES)]


def _name(short: int, longer: str) -> str:
    beginning, last = divmod(short * SPREAD % SHORT_NAMES, len(LAST))
    return f"{_BEGINNINGS[beginning]}{longer}{LAST[last]}"


@cache
def _word_halves() -> tuple[list[str], list[str]]:
    return (
        [first + middle for first in FIRST for middle in MIDDLE],
        [middle + last for middle in MIDDLE for last in LAST],
    )
