"""Build chapters from a text cut at its headings, and compare them with what the file has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from novels.parsing.headings import Heading
from novels.parsing.model import LeftOut, Limits, ParsedChapter, ParseError, ParseWarning, too_many

# Line ends, page numbers and headings are counted a little differently before and after.
_TOLERATED_SHARE: Final = 0.02
# A status shows a few names; `left_out` has all.
_MOST_NAMES: Final = 20
_MOST_NAME_CHARS: Final = 60


@dataclass(slots=True)
class Section:
    """The paragraphs below one heading; None is the heading of the beginning."""

    heading: Heading | None
    paragraphs: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Outline:
    """A text cut at its headings, and passages that are in no section."""

    sections: list[Section]
    left_out: list[LeftOut] = field(default_factory=list)
    # How many words of the text became titles.
    heading_words: int = 0
    # Titles without text below.
    empty: list[str] = field(default_factory=list)

    @property
    def chapters(self) -> int:
        """Return the number of pieces with a heading."""
        heads = (section.heading for section in self.sections)
        return sum(head is not None and not head.is_container for head in heads)


def assemble(
    sections: Iterable[Section], *, fallback_title: str | None, limits: Limits
) -> tuple[ParsedChapter, ...]:
    """Return the chapters; text above the first one, or between part and chapter, joins it."""
    chapters: list[ParsedChapter] = []
    parts: dict[str, str] = {}
    pending: list[str] = []
    part_is_open = False
    for section in sections:
        heading = section.heading
        if heading is None:
            pending += section.paragraphs
        elif heading.is_container:
            if part_is_open and pending:
                chapters.append(_chapter(_part_title(parts), pending))
                pending = []
            _enter(parts, heading)
            pending += section.paragraphs
            part_is_open = True
        else:
            content = [*pending, _heading_line(heading)] if pending else []
            title = _title(heading, parts)
            chapters.append(_chapter(title, [*content, *section.paragraphs]))
            pending, part_is_open = [], False
        if len(chapters) > limits.max_chapters:
            raise too_many("chapters", limits.max_chapters)
    if pending:
        chapters.append(_chapter(_part_title(parts) or fallback_title or "Chapter 1", pending))
    if not any(chapter.content for chapter in chapters):
        raise ParseError("empty", "The file holds no text of a novel. Choose another file.")
    return tuple(chapters)


def _enter(parts: dict[str, str], heading: Heading) -> None:
    """Remember the part, inside the book or volume that came before it."""
    kinds = list(parts)
    for inner in kinds[kinds.index(heading.kind) :] if heading.kind in parts else []:
        # Kinds stay in the list, because their order says which one is the outer.
        parts[inner] = ""
    parts[heading.kind] = _heading_line(heading)


def _part_title(parts: dict[str, str]) -> str:
    return ", ".join(part for part in parts.values() if part)


def _title(heading: Heading, parts: dict[str, str]) -> str:
    own = heading.title
    if not own:
        own = f"Chapter {heading.label}" if heading.kind == "bare" else heading.label
    part = _part_title(parts)
    return f"{part} — {own}" if part else own


def _heading_line(heading: Heading) -> str:
    titled = heading.title and heading.title != heading.label
    return f"{heading.label}. {heading.title}" if titled else heading.label


def _chapter(title: str, paragraphs: Iterable[str]) -> ParsedChapter:
    content = "\n\n".join(paragraph for paragraph in paragraphs if paragraph)
    return ParsedChapter(title=" ".join(title.split()), content=content)


def find_losses(
    chapters: Sequence[ParsedChapter],
    left_out: Sequence[LeftOut],
    *,
    words: int,
    documents: int = 0,
) -> tuple[ParseWarning, ...]:
    """Return a warning for each kind of loss.

    Args:
        words: How many words should be in the chapters: all but titles and what was left out.
        documents: How many documents an EPUB has.
    """
    warnings: list[ParseWarning] = []
    if whole := [part for part in left_out if part.is_document]:
        detail = f"{len(whole)} of {documents} documents left out: {_names(whole)}."
        warnings.append(ParseWarning("documents_left_out", detail))
    if passages := [part for part in left_out if not part.is_document]:
        detail = f"Left out: {_names(passages)}."
        warnings.append(ParseWarning("passages_left_out", detail))
    lost = words - sum(chapter.word_count for chapter in chapters)
    if lost > words * _TOLERATED_SHARE:
        detail = f"{lost:,} of {words:,} words are in no chapter. Compare the novel with its file."
        warnings.append(ParseWarning("words_lost", detail))
    empty = [f"{number}" for number, chapter in enumerate(chapters, 1) if not chapter.content]
    if empty:
        numbers = ", ".join(empty[:_MOST_NAMES])
        warnings.append(ParseWarning("empty_chapter", f"Chapters without text: {numbers}."))
    return tuple(warnings)


def _names(left_out: Sequence[LeftOut]) -> str:
    names = [
        f"{part.name[-_MOST_NAME_CHARS:]} ({part.reason[:_MOST_NAME_CHARS]})"
        for part in left_out[:_MOST_NAMES]
    ]
    more = len(left_out) - _MOST_NAMES
    return ", ".join(names) + (f" and {more} more" if more > 0 else "")
