"""Titles and names: a number gives one, and different numbers give different ones."""

from __future__ import annotations

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
    "The {adjective} {noun} of {name}",
    "{name} and the {adjective} {noun}",
    "One {adjective} {noun} in {name}",
    "{adjective} {noun}, {name}",
    "Beyond the {adjective} {noun} of {name}",
    "{name}, or the {adjective} {noun}",
    "My {adjective} {noun} at {name}",
    "No {noun} for the {adjective} of {name}",
]


def name(number: int) -> str:
    """Return a place or family name; the first `SHORT_NAMES` are short."""
    longer_by, short = divmod(number, SHORT_NAMES)
    rest, last = divmod(short * SPREAD % SHORT_NAMES, len(LAST))
    first, middle = divmod(rest, len(MIDDLE))
    longer = MIDDLE[longer_by % len(MIDDLE)] if longer_by else ""
    return (FIRST[first] + MIDDLE[middle] + longer + LAST[last]).capitalize()


def person(number: int) -> str:
    """Return a given and a family name."""
    return f"{GIVEN_NAMES[number * 17 % len(GIVEN_NAMES)]} {name(number)}"


def title(number: int) -> str:
    """Return a title of a novel."""
    rest, pattern = divmod(number, len(PATTERNS))
    words = len(ADJECTIVES) * len(NOUNS)
    rest, position = divmod(rest, words)
    # The pattern shifts, lest eight titles in a row share their words.
    shifted = position * SPREAD + pattern * words // len(PATTERNS) + rest
    adjective, noun = divmod(shifted % words, len(NOUNS))
    return PATTERNS[pattern].format(
        adjective=ADJECTIVES[adjective].capitalize(),
        noun=NOUNS[noun].capitalize(),
        name=name((position * 613 + pattern * 8191 + rest * 7) % SHORT_NAMES),
    )
