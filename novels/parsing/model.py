"""A parsed file: a novel, its chapters, and what of the file is not in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from novels.parsing.words import count_words

WarningCode = Literal[
    "documents_left_out",
    "passages_left_out",
    "words_lost",
    "empty_chapter",
    "undecodable_bytes",
]


@dataclass(frozen=True, slots=True)
class ParsedChapter:
    """One chapter; paragraphs of `content` are separated by one blank line."""

    title: str
    content: str

    @property
    def word_count(self) -> int:
        """Return the number of words of the content."""
        return count_words(self.content)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A part of the file that is not in the novel, because the author did not write it.

    Attributes:
        name: A document ("cover.xhtml") or a kind of passage ("notes").
        reason: Why, in a few words: "no text", "title page".
        words: How many words it has.
        is_document: Whether it is a whole document of an EPUB.
    """

    name: str
    reason: str
    words: int
    is_document: bool = False


@dataclass(frozen=True, slots=True)
class ParseWarning:
    """What an import left out or repaired; the file is accepted all the same.

    Attributes:
        code: A stable word for programs.
        detail: A sentence for the uploader.
    """

    code: WarningCode
    detail: str


@dataclass(frozen=True, slots=True)
class ParsedNovel:
    """A whole file; missing fields are None.

    Attributes:
        language: ISO 639-1 code in lower case, such as "en".
        left_out: Every part of the file that is in no chapter.
        warnings: What the uploader should know; `losses.py` makes them from `left_out`.
    """

    title: str | None
    author: str | None
    language: str | None
    chapters: tuple[ParsedChapter, ...]
    left_out: tuple[LeftOut, ...] = ()
    warnings: tuple[ParseWarning, ...] = ()
