"""Where the chapters of an EPUB begin, by navigation or by headings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from novels.parsing.assembly import Section
from novels.parsing.epub.navigation import NavEntry
from novels.parsing.epub.page import PageBlock
from novels.parsing.epub.reading import Reading
from novels.parsing.headings import Heading, parse_heading
from novels.parsing.sections import is_dropped, is_named, without_title_page
from novels.parsing.series import choose_headings

# At most volume, part, book title, number, title and subtitle stand above a chapter.
_MOST_HEADINGS: Final = 8


@dataclass(frozen=True, slots=True)
class Mark:
    """A named position; `depth` is its level in the navigation or of its heading."""

    label: str
    index: int
    depth: int


def nav_marks(reading: Reading, entries: Sequence[NavEntry]) -> list[Mark]:
    """Return the positions of the navigation; a label without link has that of its first child."""
    marks: list[Mark] = []
    following: int | None = None
    for entry in reversed(entries):
        index = reading.place(entry.document, entry.fragment) if entry.document else following
        if index is not None:
            marks.append(Mark(entry.label, index, entry.depth))
            following = index
    return sorted(reversed(marks), key=lambda mark: mark.index)


def heading_marks(reading: Reading) -> list[Mark]:
    """Return numbered headings, or if there are none those that open a document."""
    marks = [
        Mark(" ".join(block.text.split()), index, block.level)
        for index, block in enumerate(reading.blocks)
        if block.level and block.text
    ]
    if any(not head.is_container for head in choose_headings(_heads(marks))):
        return marks
    # The book's title, a part's and a chapter's may follow each other on top of one page.
    openings: set[int] = set()
    for start in reading.starts.values():
        while start < len(reading.blocks) and reading.blocks[start].level:
            openings.add(start)
            start += 1
    return [mark for mark in marks if mark.index in openings]


def _heads(marks: Sequence[Mark]) -> list[Heading]:
    """Return the labels that read like chapter headings; `position` is the index in `marks`."""
    return [
        head.at(index)
        for index, mark in enumerate(marks)
        if (head := parse_heading(mark.label)) is not None
    ]


def cut_at_marks(reading: Reading, marks: Sequence[Mark], title: str | None) -> list[Section]:
    """Return the text cut at the marks that are chapters or hold chapters.

    Where chapters have numbers, what has none (preface, interlude, epilogue) joins a neighbour.
    """
    marks = _without_dropped(reading, marks)
    roles = _roles(reading, marks, title)
    if not roles:
        return [Section(None, _texts(reading.blocks))]
    first = marks[0].index
    sections = [Section(None, without_title_page(_texts(reading.blocks[:first])))]
    ends = [mark.index for mark in marks[1:]] + [len(reading.blocks)]
    above: list[str] = [title] if title else []
    for index, (mark, end) in enumerate(zip(marks, ends, strict=False)):
        blocks = reading.blocks[mark.index : end]
        heading = roles.get(index)
        if heading is not None:
            heading, blocks = _take_heading(heading, [*above, mark.label], blocks)
            sections.append(Section(heading, _texts(blocks)))
        elif title and _words(mark.label) == _words(title):
            sections[-1].paragraphs += without_title_page(_texts(blocks))
        else:
            is_headed = any(b.level for b in blocks[:1]) or not _texts(blocks)
            label = [] if is_headed or mark.depth > 1 else [mark.label]
            sections[-1].paragraphs += [*label, *_texts(blocks)]
        # Headings of parts may stand on the page of the chapter that follows.
        above = [*above, mark.label][-_MOST_HEADINGS:] if not blocks else [title or ""]
    return sections


def _without_dropped(reading: Reading, marks: Sequence[Mark]) -> list[Mark]:
    """Drop pages that the navigation calls cover, imprint, endnotes and the like."""
    kept: list[Mark] = []
    ends = [mark.index for mark in marks[1:]] + [len(reading.blocks)]
    for mark, end in zip(marks, ends, strict=False):
        if is_dropped(mark.label) and parse_heading(mark.label) is None:
            reading.drop(mark.index, min(end, reading.document_end(mark.index)))
        else:
            kept.append(mark)
    return kept


def _roles(reading: Reading, marks: Sequence[Mark], title: str | None) -> dict[int, Heading]:
    """Return the heading of each mark that is a chapter or a part, by index in `marks`."""
    chosen = {head.position: head for head in choose_headings(_heads(marks))}
    numbered = {index for index, head in chosen.items() if not head.is_container}
    others = _others(reading, marks, numbered, chosen, title)
    plain = [index for index in others if not is_named(marks[index].label)]
    cuts = {*others, *chosen}
    parents = {i for i in others if i + 1 in cuts and marks[i + 1].depth > marks[i].depth}
    if len(numbered) < max(1, len(plain) - len(parents)):
        chapters = [index for index in others if index not in parents]
        chosen |= {index: _make_titled_heading(marks[index].label, "section") for index in chapters}
    chosen |= {index: _make_titled_heading(marks[index].label, "part") for index in parents}
    return chosen


def _others(
    reading: Reading,
    marks: Sequence[Mark],
    numbered: set[int],
    chosen: dict[int, Heading],
    title: str | None,
) -> list[int]:
    """Return the marks without number that are not sections inside of a chapter."""
    others: list[int] = []
    # Depth and document of the chapter whose sections are passed over.
    inside: tuple[int, int] | None = None
    for index, mark in enumerate(marks):
        if inside and mark.depth <= inside[0]:
            inside = None
        if index in chosen:
            inside = (mark.depth, mark.index) if index in numbered else None
        elif inside is None and _words(mark.label) != _words(title or ""):
            others.append(index)
            following = marks[index + 1] if index + 1 < len(marks) else None
            end = reading.document_end(mark.index)
            if following and following.depth > mark.depth and mark.index < following.index < end:
                inside = (mark.depth, mark.index)
    return others


def _make_titled_heading(label: str, kind: str) -> Heading:
    return Heading(kind, "title", None, label, label)


def _take_heading(
    heading: Heading, labels: Sequence[str], blocks: list[PageBlock]
) -> tuple[Heading, list[PageBlock]]:
    """Take the heading's own lines off the text, and from them the title that it lacks."""
    known = {_words(text) for text in [*labels, heading.label, heading.title]}
    rest = [block for block in blocks if block.text]
    for _ in range(min(len(rest), _MOST_HEADINGS)):
        text = " ".join(rest[0].text.split())
        read = parse_heading(text) if rest[0].level else None
        if _words(text) not in known:
            if not rest[0].level or (read and read.number != heading.number):
                break
            if heading.title:
                break
            heading = replace(heading, title=read.title if read else text)
            known.add(_words(heading.title))
        rest = rest[1:]
    return heading, rest


def _texts(blocks: Sequence[PageBlock]) -> list[str]:
    return [block.text for block in blocks if block.text]


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))
