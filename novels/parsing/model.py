"""A parsed file: a novel and its chapters."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ParsedChapter:
    """One chapter; paragraphs of `content` are separated by one blank line."""

    title: str
    content: str

    @property
    def word_count(self) -> int:
        """Return the number of words, counted between white space."""
        return len(self.content.split())


@dataclass(frozen=True, slots=True)
class ParsedNovel:
    """A whole file; missing fields are None.

    Attributes:
        language: ISO 639-1 code in lower case, such as "en".
    """

    title: str | None
    author: str | None
    language: str | None
    chapters: tuple[ParsedChapter, ...]
