"""Numbers as headings write them: IV, 24, TWENTY-ONE, Siebzehntes, двадцать первая, 第三章."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from novels.parsing.heading_words import COUNTERS, fold
from novels.parsing.languages import LANGUAGES

_HUNDREDS: Final = frozenset({"hundred", "hundredth", "cien", "ciento", "cent", "cento", "hundert"})
# Between the parts of a number: "twenty and one", "vingt et un", "einundzwanzig".
_AND: Final = frozenset({"and", "et", "y", "e", "og", "och", "und", "en"})
_GLUES: Final = ("und", "en", "og", "e", "i", "a", "")
_MOST_ENDING_CHARS: Final = 5
_MOST_SPELLED_WORDS: Final = 4

_ROMAN: Final = re.compile(r"M{0,3}(?:CM|CD|D?C{0,4})(?:XC|XL|L?X{0,4})(?:IX|IV|V?I{0,4})")
_ROMAN_VALUES: Final = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
# Russian and Ukrainian keyboards have their own I, X, C and M.
_LATIN: Final = str.maketrans("ІХСМ", "IXCM")
ROMAN: Final = "[IVXLCDMІХСМ]{1,12}"

_CHINESE_DIGITS: Final = {
    **{char: value for value, char in enumerate("〇一二三四五六七八九")},
    **dict(zip("零壹貳參肆伍陸柒捌玖", range(10), strict=True)),
    **dict(zip("两兩壱弐参廿卅", (2, 2, 1, 2, 3, 20, 30), strict=True)),
}
_CHINESE_UNITS: Final = {"十": 10, "拾": 10, "百": 100, "千": 1000}
CHINESE: Final = "[〇一二三四五六七八九零壹貳參肆伍陸柒捌玖两兩壱弐参廿卅十拾百千]{1,9}"

_COUNTER_KINDS: Final = {word: kind for kind, words in COUNTERS.items() for word in words.split()}
# The longest first: 部 is the beginning of 部分.
_COUNTER: Final = "(?:" + "|".join(sorted(_COUNTER_KINDS, key=len, reverse=True)) + ")"
_GAP: Final = r"[\s:：、.．・—–-]"
# Words may stand before (正文 第三章). A title without a space may follow this form only.
_AROUND: Final = re.compile(
    r"(?:[^第제]{1,12}\s)?\s*"
    rf"(?P<label>[第제]\s*(?P<number>\d{{1,4}}|{CHINESE})\s*(?P<counter>{_COUNTER}))"
    rf"(?P<gap>{_GAP}*)(?P<title>.*)"
)
_COUNTER_FIRST: Final = re.compile(
    rf"(?P<label>(?P<counter>[卷巻])[之の]?\s*(?P<number>\d{{1,4}}|{CHINESE}))"
    rf"(?P<gap>{_GAP}+|$)(?P<title>.*)"
)
_NUMBER_FIRST: Final = re.compile(
    rf"(?P<label>(?P<number>\d{{1,4}})\s*(?P<counter>[장화회부권편막]))(?P<gap>{_GAP}+|$)(?P<title>.*)"
)
_FORMS: Final = (_AROUND, _COUNTER_FIRST, _NUMBER_FIRST)
_SENTENCE: Final = re.compile(r"[。！？；，]")
_MOST_TITLE_CHARS: Final = 40


def _values(numbers: str) -> dict[str, int]:
    values = [*range(1, 21), *range(30, 100, 10)]
    return {
        fold(word): value
        for names, value in zip(numbers.split(), values, strict=False)
        for word in names.split("/")
    }


_BY_LANGUAGE: Final = {code: _values(words.get("numbers", "")) for code, words in LANGUAGES.items()}
# English words are whole; those of other languages are stems.
_EXACT: Final = _BY_LANGUAGE.pop("en")
_BY_STEM: Final = {stem: value for stems in _BY_LANGUAGE.values() for stem, value in stems.items()}
_LONGEST_STEM: Final = max(map(len, _BY_STEM))


def parse_number(text: str) -> int | None:
    """Return the value of a numeral of any kind, else None."""
    if text.isdecimal():
        return int(text) if len(text) <= 4 else None
    upper = text.translate(_LATIN).upper()
    if upper and _ROMAN.fullmatch(upper):
        return _roman(upper)
    return parse_chinese(text) or parse_spelled(text)


def _roman(text: str) -> int:
    values = [_ROMAN_VALUES[letter] for letter in text]
    following = [*values[1:], 0]
    return sum(-v if v < after else v for v, after in zip(values, following, strict=True))


def parse_chinese(text: str) -> int | None:
    """Return the value of 二十一, 一百零三 or 一〇三."""
    if not text or any(c not in _CHINESE_DIGITS and c not in _CHINESE_UNITS for c in text):
        return None
    if not any(char in _CHINESE_UNITS for char in text) and len(text) > 1:
        return int("".join(str(_CHINESE_DIGITS[char] % 10) for char in text)) or None
    total, digit = 0, 0
    for char in text:
        if char in _CHINESE_UNITS:
            total += max(digit, 1) * _CHINESE_UNITS[char]
            digit = 0
        else:
            digit = _CHINESE_DIGITS[char]
    return total + digit or None


def parse_counter(text: str) -> tuple[str, int, str, str] | None:
    """Return kind, number, label (第三章) and title of a line of at most 200 characters."""
    if text.isascii():
        return None
    for form in _FORMS:
        match = form.fullmatch(text)
        if match is None:
            continue
        title, number = match["title"].strip(), match["number"]
        value = int(number) if number.isdecimal() else parse_chinese(number)
        is_text = title.endswith(("。", "，", "；")) or len(title) > _MOST_TITLE_CHARS
        is_glued = bool(title) and not match["gap"]
        if value is None or is_text or (is_glued and _SENTENCE.search(title)):
            return None
        return _COUNTER_KINDS[match["counter"]], value, match["label"], title
    return None


def parse_spelled(text: str) -> int | None:
    """Return the value of words such as "twenty-one", "vingt et unième" or "Einundzwanzigstes"."""
    folded = fold(text)
    whole = _word_value(folded)
    if whole is not None:
        return whole
    words = [word for word in re.split(r"[-\s]+", folded) if word not in _AND]
    if not 1 < len(words) <= _MOST_SPELLED_WORDS:
        return None
    total = 0
    for word in words:
        value = 100 if word in _HUNDREDS else _word_value(word)
        # The parts of a number become smaller: twenty, one.
        if value is None or (value != 100 and total % 100 and (total % 100) <= value):
            return None
        total = max(total, 1) * 100 if value == 100 else total + value
    return total


def _word_value(word: str) -> int | None:
    """Return the value of one folded word: a stem and an ending, or two stems."""
    if word in _EXACT:
        return _EXACT[word]
    for value, rest in _stems(word):
        added = _second_value(value, rest)
        if added is not None:
            return value + added
        is_long = len(word) - len(rest) > 2
        if not rest or (is_long and len(rest) <= _MOST_ENDING_CHARS and rest.isalpha()):
            return value
    return None


def _stems(word: str) -> Iterator[tuple[int, str]]:
    """Yield the values of the stems that begin a word, and its rest; the longest stem first."""
    for length in range(min(len(word), _LONGEST_STEM), 1, -1):
        value = _BY_STEM.get(word[:length])
        if value is not None:
            yield value, word[length:]


def _second_value(value: int, rest: str) -> int | None:
    """Return the value of the second half of "einundzwanzig" (unit first) or "ventuno"."""
    for glue in _GLUES if len(rest) > 2 else ():
        if rest.startswith(glue):
            stems = _stems(rest[len(glue) :])
            other = next((v for v, ending in stems if len(ending) <= _MOST_ENDING_CHARS), None)
            if other and ((value < 10 and other >= 20 and glue) or (value >= 20 and other < 10)):
                return other
    return None
