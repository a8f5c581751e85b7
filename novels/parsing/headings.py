"""Recognise one line as a heading: "CHAPTER I. Title", "VII. TITLE", "XII", "PART TWO"."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from novels.parsing.numerals import ROMAN, SPELLED, parse_number

# Words for chapters and for parts that contain chapters; some languages need no number.
_CHAPTER_WORDS: Final = "chapter chap kapitel chapitre capítulo capitulo capitolo глава hoofdstuk"
_FOREIGN: Final = "kapitel|chapitre|cap[íi]tulo|capitolo|глава|hoofdstuk|teil|partie|часть|deel"
_KINDS: Final = {
    **dict.fromkeys(_CHAPTER_WORDS.split(), "chapter"),
    **{
        word: word
        for word in "letter adventure stave canto tale story episode night sketch fable".split()
    },
    **dict.fromkeys("part teil partie parte часть deel".split(), "part"),
    **dict.fromkeys("book buch livre libro книга boek".split(), "book"),
    **dict.fromkeys("volume tome tomo том".split(), "volume"),
}
CONTAINER_KINDS: Final = frozenset({"part", "book", "volume"})

_KEYWORD: Final = "(?P<word>" + "|".join(sorted(_KINDS, key=len, reverse=True)) + r")\b\.?"
_NUMBER: Final = rf"(?P<number>\d{{1,4}}|{ROMAN}|{SPELLED})\b"
_REST: Final = r"(?:\s*(?P<separator>[.:)\]—–-]+|\s)\s*(?P<title>.*))?"
_FORWARD: Final = re.compile(
    rf"(?:the\s+)?{_KEYWORD}\s*(?:the\s+|no\.?\s*|nr\.?\s*)?{_NUMBER}{_REST}", re.IGNORECASE
)
_BACKWARD: Final = re.compile(
    rf"(?:the\s+)?(?P<number>\d{{1,4}}|{ROMAN}|{SPELLED})\.?\s+{_KEYWORD}{_REST}", re.IGNORECASE
)
_FOREIGN_SPELLED: Final = re.compile(
    rf"(?P<before>\w{{3,20}}\s+)?(?P<word>{_FOREIGN})(?P<after>\s+\w{{3,20}})?", re.IGNORECASE
)
_BARE_ALONE: Final = re.compile(rf"(?P<number>\d{{1,3}}|{ROMAN}|{SPELLED})(?P<dot>[.:)]?)")
_SPELLED_ALONE: Final = re.compile(rf"(?P<number>{SPELLED})(?P<dot>[.:]?)", re.IGNORECASE)
_BARE_TITLED: Final = re.compile(
    rf"(?P<number>\d{{1,3}}|{ROMAN})(?:[.:)]\s*|\s+[—–-]+\s+)(?P<title>[^\W_a-z].*|[\"“‘'«(].*)"
)
_BARE_CAPITALS: Final = re.compile(rf"(?P<number>\d{{1,3}}|{ROMAN})\s+(?P<title>\D.*)")
_ORNAMENTS: Final = "#*_=~ -—–|"
_PAGE: Final = re.compile(r"(?:\s*\.(?:\s?\.){2,}|\s{3,}|\t)\s*(?:\d{1,4}|[ivxl]{1,6})$")

MAX_HEADING_CHARS: Final = 100
# Including the spaces that centre it.
_MAX_LINE_CHARS: Final = 250


@dataclass(frozen=True, slots=True)
class Heading:
    """A line that reads like a heading.

    Attributes:
        kind: "chapter", "part", …, or "bare" for a number without a word.
        form: Lines of one series look alike: script of a bare number, titled or not, its dot.
        number: None where the numeral is spelled in another language than English.
        label: The heading without its title: "CHAPTER IV".
        position: Index of the block, set by the caller that collects headings.
    """

    kind: str
    form: str
    number: int | None
    label: str
    title: str
    position: int = 0

    @property
    def is_container(self) -> bool:
        """Return whether the heading contains chapters."""
        return self.kind in CONTAINER_KINDS

    def at(self, position: int) -> Heading:
        """Return the same heading at a position."""
        return replace(self, position=position)


def is_contents_line(line: str) -> bool:
    """Return whether a line ends in a page number, as in a table of contents."""
    return bool(_PAGE.search(line[-40:]))


def parse_heading(line: str) -> Heading | None:
    """Parse a line as a heading; return None if it is not a heading."""
    # Hostile files have lines of megabytes, so only short lines are parsed.
    text = " ".join(line[:_MAX_LINE_CHARS].split()).strip(_ORNAMENTS)
    if not text or len(text) > MAX_HEADING_CHARS or len(line) > _MAX_LINE_CHARS:
        return None
    if is_contents_line(line):
        return None
    return _keyword(text) or _foreign(text) or _bare(text)


def _keyword(text: str) -> Heading | None:
    match = _FORWARD.fullmatch(text) or _BACKWARD.fullmatch(text)
    if match is None:
        return None
    title = (match["title"] or "").strip(_ORNAMENTS)
    number = parse_number(match["number"])
    if number is None or not _is_title(title, after_space=not (match["separator"] or " ").strip()):
        return None
    label = text[: match.start("separator")] if match["separator"] else text
    return Heading(_KINDS[match["word"].lower()], "keyword", number, label.rstrip(". "), title)


def _foreign(text: str) -> Heading | None:
    """Read "Erstes Kapitel" or "Глава первая"; the number follows from the order."""
    match = _FOREIGN_SPELLED.fullmatch(text.rstrip("."))
    if match is None or bool(match["before"]) == bool(match["after"]):
        return None
    return Heading(_KINDS[match["word"].lower()], "keyword", None, match[0], "")


def _bare(text: str) -> Heading | None:
    match = _BARE_ALONE.fullmatch(text) or _SPELLED_ALONE.fullmatch(text)
    title = ""
    if match is None:
        match = _BARE_TITLED.fullmatch(text) or _BARE_CAPITALS.fullmatch(text)
        if match is None:
            return None
        title = match["title"].strip()
        if match.re is _BARE_CAPITALS and not title.isupper():
            return None
        if not _is_title(title, after_space=True):
            return None
    number = parse_number(match["number"])
    if not number:
        return None
    script = "arabic" if match["number"].isdigit() else "word"
    script = "roman" if re.fullmatch(ROMAN, match["number"]) else script
    shape = "titled" if title else "alone" + match["dot"]
    return Heading("bare", f"{script} {shape}", number, match["number"], title)


def _is_title(title: str, *, after_space: bool) -> bool:
    """Return whether the rest of a heading line is a title and not the rest of a sentence."""
    if not title:
        return True
    if title[0].islower() or title[-1] in ",;":
        return False
    return not after_space or not title.endswith(".") or len(title.split()) <= 8


def is_title_line(line: str) -> bool:
    """Return whether a line of its own below a heading is the chapter's title."""
    if len(line) > _MAX_LINE_CHARS:
        return False
    text = line.strip().strip(_ORNAMENTS)
    letters = [char for char in text if char.isalpha()]
    if not letters or len(text) > MAX_HEADING_CHARS:
        return False
    if text.isupper():
        return len(letters) > 1
    words = re.findall(r"[^\W\d_]+", text)
    words = [word for word in words if len(word) > 3] or words
    capitals = sum(word[0].isupper() for word in words)
    plain_end = text[-1].isalnum() or text[-1] in ")?!'’"
    few = len(text.split()) <= 10 and not text.startswith(("“", '"', "‘", "'", "«", "—"))
    return plain_end and few and text[0].isupper() and capitals >= max(1, len(words) * 0.75)
