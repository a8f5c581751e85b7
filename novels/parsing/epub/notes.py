"""Notes and their marks, recognised by links that lead there and back again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from novels.parsing.epub.page import MARK, SCENE_BREAK
from novels.parsing.epub.reading import Reading

# Names of places where Word, LibreOffice and others put notes.
_NOTE_LINK: Final = re.compile(
    r"[^#]*#_?(?:(?:foot|end|rear)?note|sd(?:foot|end)note|fn|en\d|_?ftn|_?edn)", re.IGNORECASE
)
_MARKED: Final = re.compile(f"[\\[(]?{MARK}[\\])]?")
_SPACE_BEFORE_MARK: Final = re.compile(f" (?={MARK}[^\\w]*(?:[.,;:!?]|$))")
# A note has at most so many paragraphs.
_MOST_PARAGRAPHS: Final = 10
_MOST_ABOVE: Final = 2
# Paragraphs without links between two notes continue the first one.
_MOST_BETWEEN: Final = 3


def remove_notes(reading: Reading) -> None:
    """Drop notes and take their marks from the text; restore what only looked like a mark."""
    notes: dict[int, int] = {}
    marks: set[tuple[int, int]] = set()
    for source, block in enumerate(reading.blocks):
        if not block.text.replace(MARK, "").strip(" []()."):
            continue
        for number, note in enumerate(block.notes):
            target = reading.link_target(source, note.href)
            is_named = _NOTE_LINK.match(note.href) is not None
            if target is None:
                if is_named:
                    marks.add((source, number))
                continue
            end = _end_of_note(reading, source, target)
            if end is None and is_named and _may_be_note(reading, source, target):
                end = target + 1
            if end is not None:
                marks.add((source, number))
                notes[target] = max(end, notes.get(target, 0))
    for index, block in enumerate(reading.blocks):
        if block.notes:
            block.text = _without_marks(reading, index, marks)
    _drop_notes(reading, notes)


def _may_be_note(reading: Reading, source: int, target: int) -> bool:
    """Return whether a target is text below its mark: contents stand above their chapters."""
    return (
        source < target < len(reading.blocks)
        and not reading.blocks[target].level
        and bool(reading.blocks[target].text)
    )


def _end_of_note(reading: Reading, source: int, target: int) -> int | None:
    """Return the index after the paragraph that links back, None if there is none."""
    if not _may_be_note(reading, source, target):
        return None
    end = min(target + _MOST_PARAGRAPHS, reading.document_end(target))
    for index in range(target, end):
        if reading.blocks[index].level:
            return None
        block = reading.blocks[index]
        for href in [*(note.href for note in block.notes), *block.links]:
            back = reading.link_target(index, href)
            # It leads to the paragraph of the mark, or to a place just above.
            if back is not None and 0 <= source - back <= _MOST_ABOVE:
                return index + 1
    return None


def _without_marks(reading: Reading, index: int, marks: set[tuple[int, int]]) -> str:
    block = reading.blocks[index]
    numbers = iter(range(len(block.notes)))

    def restore(match: re.Match[str]) -> str:
        number = next(numbers, None)
        if number is None:
            return ""
        if (index, number) in marks:
            is_bracketed = match[0][0] in "[(" and match[0][-1] in "])"
            return "" if is_bracketed else match[0].replace(MARK, "")
        return match[0].replace(MARK, block.notes[number].mark)

    return _MARKED.sub(restore, _SPACE_BEFORE_MARK.sub("", block.text)).strip()


def _drop_notes(reading: Reading, notes: dict[int, int]) -> None:
    """Drop notes, what continues them, and headings and lines with nothing else below."""
    spans = sorted(notes.items())
    for (start, end), (following, _) in zip(spans, [*spans[1:], (-1, -1)], strict=False):
        between = range(end, following) if 0 < following - end <= _MOST_BETWEEN else range(0)
        same = following < reading.document_end(start)
        is_rest = same and not any(reading.blocks[i].level for i in between)
        reading.drop(start, following if between and is_rest else end, "notes")
    for index in _left_alone(reading, {start for start, _ in spans}):
        reading.drop(index, index + 1, "notes")


def _left_alone(reading: Reading, starts: set[int]) -> Iterator[int]:
    """Yield headings and lines directly above notes if no text follows in the document."""
    for _, first, end in reading.spans():
        index = end - 1
        noted = False
        while index >= first and (
            not reading.blocks[index].text
            or reading.blocks[index].text == SCENE_BREAK
            or (noted and reading.blocks[index].level)
        ):
            noted = noted or index in starts
            if noted and reading.blocks[index].text:
                yield index
            index -= 1
