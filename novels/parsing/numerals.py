"""Numbers as headings write them: IV, 24, TWENTY-ONE, the First."""

from __future__ import annotations

import re
from typing import Final

_ONES: Final = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
_ORDINALS: Final = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth "
    "thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth"
).split()
_TENS: Final = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_WORDS: Final[dict[str, int]] = {
    **{word: number for number, word in enumerate(_ONES, 1)},
    **{word: number for number, word in enumerate(_ORDINALS, 1)},
    **{word: number for word, number in zip(_TENS, range(20, 100, 10), strict=True)},
    **{f"{w[:-1]}ieth": n for w, n in zip(_TENS, range(20, 100, 10), strict=True)},
    "hundred": 100,
    "hundredth": 100,
}
_ROMAN: Final = re.compile(r"M{0,3}(?:CM|CD|D?C{0,4})(?:XC|XL|L?X{0,4})(?:IX|IV|V?I{0,4})")
_ROMAN_VALUES: Final = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}

_WORD: Final = "(?:" + "|".join(sorted(_WORDS, key=len, reverse=True)) + ")"
SPELLED: Final = rf"{_WORD}(?:[-\s]+(?:and\s+)?{_WORD}){{0,3}}"
ROMAN: Final = "[IVXLCDM]{1,12}"


def parse_number(text: str) -> int | None:
    """Return the value of a Roman, Arabic or spelled numeral, else None."""
    if text.isascii() and text.isdigit():
        return int(text) if len(text) <= 4 else None
    upper = text.upper()
    if upper and _ROMAN.fullmatch(upper):
        return _roman(upper)
    return _parse_spelled(text.lower())


def _roman(text: str) -> int:
    values = [_ROMAN_VALUES[letter] for letter in text]
    following = [*values[1:], 0]
    return sum(-v if v < after else v for v, after in zip(values, following, strict=True))


def _parse_spelled(text: str) -> int | None:
    total = 0
    words = [word for word in re.split(r"[-\s]+", text) if word != "and"]
    for word in words:
        value = _WORDS.get(word)
        if value is None:
            return None
        total = max(total, 1) * 100 if value == 100 else total + value
    return total or None
