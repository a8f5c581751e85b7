"""Named positions in an EPUB: lines of its contents, or its headings where there are none."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from novels.parsing.epub.matter import words_of
from novels.parsing.epub.navigation import NavEntry
from novels.parsing.epub.reading import Reading
from novels.parsing.headings import Heading, parse_heading
from novels.parsing.model import count_words
from novels.parsing.sections import is_named
from novels.parsing.series import choose_headings

# Letters of an index read like Roman numbers.
_MOST_CHAPTERS = 400
# A piece with this share of all words is the book itself, whatever its name.
_MOST_OF_THE_BOOK = 0.7


@dataclass(frozen=True, slots=True)
class Mark:
    """A named position; `depth` is its level in the contents or of its heading."""

    label: str
    index: int
    depth: int


def contents_marks(reading: Reading, entries: Sequence[NavEntry]) -> list[Mark]:
    """Return the positions of the contents; a label without link has that of its first child."""
    marks: list[Mark] = []
    following: int | None = None
    for entry in reversed(entries):
        index = reading.place(entry.document, entry.fragment) if entry.document else following
        if index is not None:
            marks.append(Mark(entry.label, index, entry.depth))
            following = index
    ordered = sorted(reversed(marks), key=lambda mark: mark.index)
    return _with_titles(reading, list(dict.fromkeys(ordered)))


def _with_titles(reading: Reading, marks: list[Mark]) -> list[Mark]:
    """Join "CHAPTER I" and "The Lamp" where the contents have a line for each."""
    joined: list[Mark] = []
    depths = [mark.depth for mark in marks[1:]] + [0]
    for mark, depth_below in zip(marks, depths, strict=False):
        before = joined[-1] if joined else None
        head = parse_heading(before.label) if before else None
        if (
            before is not None
            and head is not None
            and not head.title
            and (head.number or 0) < _MOST_CHAPTERS
            and before.depth == mark.depth
            and parse_heading(mark.label) is None
            and mark.index < reading.document_end(before.index)
            and not text_words(reading, before.index, mark.index)
            and (depth_below > mark.depth or not head.is_container)
        ):
            joined[-1] = Mark(f"{before.label}: {mark.label}", before.index, mark.depth)
        else:
            joined.append(mark)
    return joined


def ends_of_entries(reading: Reading, marks: Sequence[Mark]) -> list[int]:
    """Return the index after the text of each line of the contents and of the lines below it.

    A line without others below it ends with its document.
    """
    ends = [len(reading.blocks)] * len(marks)
    path: list[int] = []
    for number, mark in enumerate([*marks, Mark("", len(reading.blocks), 0)]):
        if path and path[-1] == number - 1 and marks[path[-1]].depth >= mark.depth:
            leaf = path.pop()
            ends[leaf] = min(mark.index, reading.document_end(marks[leaf].index))
        while path and marks[path[-1]].depth >= mark.depth:
            ends[path.pop()] = mark.index
        path.append(number)
    return ends


def with_headings_inside(reading: Reading, marks: Sequence[Mark], title: str) -> list[Mark]:
    """Add the numbered headings in a piece that is a part or the whole book by its name.

    Contents may name parts alone. Numbers in any other piece are its sections.
    """
    total = reading.words(0, len(reading.blocks))
    headings = numbered_marks(heading_marks(reading))
    places = [heading.index for heading in headings]
    refined: list[Mark] = []
    for mark, end, following in spans(marks, len(reading.blocks)):
        refined.append(mark)
        head = parse_heading(mark.label)
        is_whole = reading.words(mark.index, end) > total * _MOST_OF_THE_BOOK
        if (following and following.depth > mark.depth) or not (
            is_whole or words_of(mark.label) == title or (head and head.is_container)
        ):
            continue
        inside = headings[bisect_left(places, mark.index) : bisect_left(places, end)]
        inside = [h for h in inside if words_of(h.label) != words_of(mark.label)]
        if sum(not is_container(h.label) for h in inside) > 1:
            refined += (Mark(h.label, h.index, mark.depth + h.depth) for h in inside)
    return refined


def heading_marks(reading: Reading) -> list[Mark]:
    """Return one mark for each heading; number, title and subtitle in a row are one heading."""
    runs = list(_runs(reading))
    alone = {reading.blocks[run[0]].level for run in runs}
    marks: list[Mark] = []
    for run in runs:
        block_marks = [
            Mark(" ".join(reading.blocks[i].text.split()), i, reading.blocks[i].level) for i in run
        ]
        heads = [parse_heading(mark.label) for mark in block_marks]
        if any(heads):
            is_chapter_known = False
            for mark, head in zip(block_marks, heads, strict=True):
                if head and (head.is_container or not is_chapter_known):
                    marks.append(mark)
                    is_chapter_known = not head.is_container
        else:
            first, *others = block_marks
            # A level that nowhere stands alone is that of subtitles.
            marks += [first, *(m for m in others if m.depth > first.depth and m.depth in alone)]
    return marks


def numbered_marks(marks: Sequence[Mark]) -> list[Mark]:
    """Return the marks that are chapters or parts with numbers which run."""
    return [marks[head.position] for head in choose_headings(heads_of(marks))]


def chapter_marks(reading: Reading) -> list[Mark]:
    """Return the headings that are chapters, for a book without contents."""
    marks = heading_marks(reading)
    numbered = {m.index for m in numbered_marks(marks)}
    openings = {filled[0] for filled in _find_texts(reading) if filled}
    opening = [mark for mark in marks if mark.index in openings]
    if any(not is_container(mark.label) for mark in marks if mark.index in numbered):
        return [
            mark
            for mark in marks
            if mark.index in numbered or mark.index in openings or is_named(mark.label)
        ]
    if len(opening) > 1:
        # The book's title, a part's and a chapter's may follow each other on top of one page.
        return [m for m in marks if m.index in openings or _follows_opening(reading, m, openings)]
    levels = sorted(mark.depth for mark in marks)
    shallowest = next((level for level in levels if levels.count(level) > 1), 0)
    return [mark for mark in marks if mark.depth == shallowest or mark.index in openings]


def heads_of(marks: Sequence[Mark]) -> list[Heading]:
    """Return the labels that read like chapter headings; `position` is the index in `marks`."""
    return [
        head.at(index)
        for index, mark in enumerate(marks)
        if (head := parse_heading(mark.label)) is not None
    ]


def is_container(label: str) -> bool:
    """Return whether a label is that of a part, book or volume."""
    head = parse_heading(label)
    return head is not None and head.is_container


def spans(marks: Sequence[Mark], end: int) -> Iterator[tuple[Mark, int, Mark | None]]:
    """Yield each mark with the index after its text, and the mark that follows."""
    for mark, following in zip(marks, [*marks[1:], None], strict=False):
        yield mark, following.index if following else end, following


def _runs(reading: Reading) -> Iterator[list[int]]:
    """Yield the indexes of headings that follow each other in a document."""
    for filled in _find_texts(reading):
        for is_heading, group in groupby(filled, lambda i: reading.blocks[i].level > 0):
            if is_heading:
                yield list(group)


def _find_texts(reading: Reading) -> Iterator[list[int]]:
    """Yield the indexes of the blocks with text of each document."""
    for _, start, end in reading.spans():
        yield [i for i in range(start, end) if reading.blocks[i].text]


def _follows_opening(reading: Reading, mark: Mark, openings: set[int]) -> bool:
    index = mark.index
    while index > 0 and index not in openings and reading.blocks[index].level:
        index -= 1
    return index in openings


def text_words(reading: Reading, start: int, end: int) -> int:
    """Return the number of words that are no headings."""
    return sum(count_words(b.text) for b in reading.blocks[start:end] if not b.level)
