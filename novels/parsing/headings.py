"""Recognise one line as a heading: "CHAPTER I. Title", "VII. TITLE", "XII", "第三章"."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final, Self

from novels.parsing.heading_words import (
    CONTAINER_KINDS,
    ENGLISH_WORDS,
    KINDS,
    LAST_WORDS,
    SPELLINGS,
    fold,
)
from novels.parsing.numerals import (
    CHINESE,
    ROMAN,
    parse_chinese,
    parse_counter,
    parse_number,
    parse_spelled,
)

# Vowel signs of Indian and Thai scripts are no letters to `re`.
_LETTER: Final = r"(?:(?![\d_])[\w\u0900-\u0dff\u0e00-\u0fff])"
_WORD: Final = rf"{_LETTER}+(?:['’]{_LETTER}+)*"
_ARTICLE: Final = r"(?:(?:the|das|der|die|den|det|de|la|le|el|il)\s+)?"
_FIRST_WORD: Final = re.compile(
    rf"{_ARTICLE}(?P<word>{_WORD})(?!{_LETTER})[.:]?[\s-]*(?:(?:the|no|nr|n[º°o]|№|#)\b\.?\s*|[№#]\s*)?",
    re.IGNORECASE,
)
_ARTICLE_ONLY: Final = re.compile(_ARTICLE, re.IGNORECASE)
_FIGURE: Final = re.compile(
    rf"(?P<number>\d{{1,4}}|{ROMAN})(?:(?:st|nd|rd|th|er|ère|e|º|ª|°)(?!\w)|(?![\w’']))",
    re.IGNORECASE,
)
_SPELLED_WORDS: Final = re.compile(rf"{_WORD}(?:[\s-]+{_WORD}){{0,3}}")
_END: Final = re.compile(r"(?:(?P<separator>\s*[.:)\]—–-]+|\s)\s*(?P<title>.*))?")
_UNKNOWN_NUMBER: Final = re.compile(
    rf"(?P<number>{_WORD}(?:\s+{_WORD})?)(?:\s*[.:—–]+\s*(?P<title>.*))?"
)
_BARE_ALONE: Final = re.compile(rf"(?P<number>\d{{1,3}}|{ROMAN}|{CHINESE})\s?[.:)、．]?")
_IS_ROMAN: Final = re.compile(ROMAN)
_SPELLED_ALONE: Final = re.compile(rf"(?P<number>{_WORD}(?:[\s-]+{_WORD})?)[.:]?")
_BARE_TITLED: Final = re.compile(
    rf"(?P<number>\d{{1,3}}|{ROMAN}|{CHINESE}(?=[、．]))"
    r"(?:\s?[.:)、．]\s*|\s+[—–-]+\s+)(?P<title>[^\W_].*|[\"“‘'«„¿¡(「『].*)"
)
_BARE_CAPITALS: Final = re.compile(rf"(?P<number>\d{{1,3}}|{ROMAN})\s+(?P<title>\D.*)")
# An article, a number of up to four words, the word itself.
_MOST_CHARS_TO_KEYWORD: Final = 80
_WORD_BREAKS: Final = str.maketrans(dict.fromkeys(".:,;()[]—–-", " "))
_ORNAMENTS: Final = "#*_=~ -—–|\u3000"
_BRACKETS: Final = dict(zip("[(【〔<〈（［「{", "])】〕>〉）］」}", strict=True))
_NOTE_MARK: Final = re.compile(r"(?<=[^\W\d]|[.!?])[\[({]\d{1,3}[\])}]\.?$")
_NOTE_ENDS: Final = ("]", ")", "}", "].", ").", "}.")
_PAGE_ENDS: Final = tuple("0123456789ivxl")
_PAGE: Final = re.compile(r"(?:\s*\.(?:\s{0,4}\.){2,}|\s{3,}|\t)\s*(?:\d{1,4}|[ivxl]{1,6})$")

MAX_HEADING_CHARS: Final = 200
# Text in small type that begins with a number is a note or a list.
_MAX_BARE_CHARS: Final = 100
_MAX_SPELLED_CHARS: Final = 30
# Including the spaces that centre it.
_MAX_LINE_CHARS: Final = 300


@dataclass(frozen=True, slots=True)
class Heading:
    """A line that reads like a heading."""

    # "chapter", "part", …, or "bare" for a number without a word.
    kind: str
    # Lines of one series look alike: script of a bare number, titled or not.
    form: str
    # None where the numeral is spelled in a language whose numerals are not known.
    number: int | None
    # The heading without its title: "CHAPTER IV".
    label: str
    title: str
    # Index of the block, set by the caller that collects headings.
    position: int = 0

    @property
    def is_container(self) -> bool:
        """Return whether the heading contains chapters."""
        return self.kind in CONTAINER_KINDS

    def at(self, position: int) -> Self:
        """Return the same heading at a position."""
        return replace(self, position=position)


def is_contents_line(line: str) -> bool:
    """Return whether a line ends in a page number, as in a table of contents."""
    return line[-1:] in _PAGE_ENDS and bool(_PAGE.search(line[-40:]))


def parse_heading(line: str) -> Heading | None:
    """Parse a line as a heading; return None if it is not a heading."""
    # Hostile files have lines of megabytes, so only short lines are parsed.
    if len(line) > _MAX_LINE_CHARS:
        return None
    text = _without_ornaments(line)
    if not text or len(text) > MAX_HEADING_CHARS or is_contents_line(line):
        return None
    counted = parse_counter(text)
    if counted is not None:
        kind, number, label, title = counted
        return Heading(kind, "keyword", number, label, title)
    head = _forward(text) or _backward(text) if _has_keyword(text) else None
    return head or _bare(text)


def _has_keyword(text: str) -> bool:
    """Return whether a word of headings is near the beginning; most lines have none."""
    words = text[:_MOST_CHARS_TO_KEYWORD].lower().translate(_WORD_BREAKS).split()
    return not SPELLINGS.isdisjoint(words)


def _without_ornaments(line: str) -> str:
    text = " ".join(line.split()).strip(_ORNAMENTS)
    if text.endswith(_NOTE_ENDS):
        text = _NOTE_MARK.sub("", text)
    closing = _BRACKETS.get(text[:1])
    if closing and text.find(closing) == len(text) - 1:
        return text[1:-1].strip(_ORNAMENTS)
    return text


def _forward(text: str) -> Heading | None:
    """Read "Chapter 1", "Глава первая. Дом" or "Kapitola první"."""
    match = _FIRST_WORD.match(text)
    kind = KINDS.get(fold(match["word"])) if match else None
    if match is None or kind is None:
        return None
    rest = text[match.end() :]
    for value, length in _numbers(rest):
        end = _END.fullmatch(rest, length)
        if end is not None and _is_title(end["title"], separator=end["separator"]):
            return _keyword_heading(kind, value, text[: match.end() + length], end["title"])
    unknown = _UNKNOWN_NUMBER.fullmatch(rest.rstrip("."))
    if text[0].islower() or unknown is None or not _may_have_unknown_number(match["word"]):
        return None
    if unknown["title"] and (" " in unknown["number"] or unknown["title"][0].islower()):
        return None
    label = text[: match.end() + unknown.end("number")]
    return _keyword_heading(kind, None, label, unknown["title"])


def _backward(text: str) -> Heading | None:
    """Read "1. Kapitel", "THE FIRST CHAPTER" or "Prvo poglavje"."""
    rest = _ARTICLE_ONLY.sub("", text, count=1)
    for value, length in [*_numbers(rest), *_unknown_numbers(rest)]:
        word = _FIRST_WORD.match(rest[length:].lstrip(". "))
        if word is None:
            continue
        kind = KINDS.get(fold(word["word"]))
        if (
            kind is None
            or text[0].islower()
            or (value is None and not _may_have_unknown_number(word["word"]))
        ):
            continue
        after = rest[length:].lstrip(". ")[word.end("word") :]
        end = _END.fullmatch(after)
        # "III. The Night Shadows" is a title.
        is_glued = bool(end and end["title"] and not (end["separator"] or "").strip())
        is_english = fold(word["word"]) in ENGLISH_WORDS
        # So is "One Day".
        if word.start("word") or (is_english and (is_glued or kind in ("day", "night"))):
            continue
        if end is not None and _is_title(end["title"], separator=end["separator"]):
            label = text[: len(text) - len(after)]
            return _keyword_heading(kind, value, label, end["title"])
    return None


def _may_have_unknown_number(word: str) -> bool:
    """Return whether other words beside this one may be a numeral: not "part of", nor "del"."""
    return len(word) > 3 and fold(word) not in ENGLISH_WORDS


def _numbers(text: str) -> list[tuple[int | None, int]]:
    """Return the numbers that a text may begin with, and their lengths, the longest first."""
    figure = _FIGURE.match(text)
    if figure is not None:
        value = parse_number(figure["number"])
        return [] if value is None else [(value, figure.end())]
    words = _SPELLED_WORDS.match(text)
    if words is not None and fold(words[0]) in LAST_WORDS:
        return [(None, words.end())]
    numbers: list[tuple[int | None, int]] = []
    while words is not None:
        value = parse_spelled(words[0])
        if value is not None:
            numbers.append((value, words.end()))
        cut = max(words[0].rfind(" "), words[0].rfind("-"), 0)
        words = _SPELLED_WORDS.match(text, 0, cut) if cut else None
    return numbers


def _unknown_numbers(text: str) -> list[tuple[int | None, int]]:
    """Return the ends of the first and the second word, which may be a numeral."""
    words = text.split(" ", 2)[:-1]
    if (
        not words
        or text[0].islower()
        or _FIGURE.match(text)
        or not all(word.rstrip(".").isalpha() for word in words)
    ):
        return []
    ends = [len(words[0]), len(" ".join(words))][: len(words)]
    return [(None, end) for end in ends]


def _keyword_heading(kind: str, number: int | None, label: str, title: str | None) -> Heading:
    return Heading(kind, "keyword", number, label.strip(". "), (title or "").strip(_ORNAMENTS))


def _bare(text: str) -> Heading | None:
    if len(text) > _MAX_BARE_CHARS:
        return None
    title = ""
    match = _BARE_ALONE.fullmatch(text)
    value = parse_number(match["number"]) if match else None
    if match is None and len(text) <= _MAX_SPELLED_CHARS and not text[0].islower():
        match = _SPELLED_ALONE.fullmatch(text)
        value = parse_spelled(match["number"]) if match else None
    if match is None or value is None:
        match = _BARE_TITLED.fullmatch(text) or _BARE_CAPITALS.fullmatch(text)
        if match is None:
            return None
        title, value = match["title"].strip(), parse_number(match["number"])
        if title[:1].islower() or not _is_title(title, separator=" "):
            return None
        if match.re is _BARE_CAPITALS and not title.isupper():
            return None
    if not value:
        return None
    shape = "titled" if title else "alone"
    return Heading("bare", f"{_script(match['number'])} {shape}", value, match["number"], title)


def _script(number: str) -> str:
    if number.isdecimal():
        return "arabic"
    if _IS_ROMAN.fullmatch(number):
        return "roman"
    return "chinese" if parse_chinese(number) else "word"


def _is_title(title: str | None, *, separator: str | None) -> bool:
    """Return whether the rest of a heading line is a title and not the rest of a sentence.

    Behind a colon, a full stop or a dash a title may begin in small letters.
    """
    if not title:
        return True
    if separator and separator.strip():
        return True
    if title[0].islower() or title[-1] in ",;":
        return False
    return not title.endswith(".") or len(title.split()) <= 8


def is_title_line(line: str) -> bool:
    """Return whether a line of its own below a heading is the chapter's title."""
    if len(line) > _MAX_LINE_CHARS:
        return False
    text = line.strip().strip(_ORNAMENTS)
    letters = [char for char in text if char.isalpha()]
    if not letters or len(text) > MAX_HEADING_CHARS // 2:
        return False
    if text.isupper():
        return len(letters) > 1
    words = re.findall(r"[^\W\d_]+", text)
    words = [word for word in words if len(word) > 3] or words
    capitals = sum(word[0].isupper() for word in words)
    plain_end = text[-1].isalnum() or text[-1] in ")?!'’"
    few = len(text.split()) <= 10 and not text.startswith(("“", '"', "‘", "'", "«", "—"))
    return plain_end and few and text[0].isupper() and capitals >= max(1, len(words) * 0.75)
