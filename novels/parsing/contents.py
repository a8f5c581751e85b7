"""Tables of contents in plain text: their lines look like headings of chapters."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import Final

from novels.parsing.headings import Heading, is_contents_line, parse_heading
from novels.parsing.paragraphs import Block
from novels.parsing.sections import is_contents

# Shorter tables of contents are not matched.
_FEWEST_TITLES: Final = 3
# A longer "table of contents" is text.
_MOST_LINES: Final = 2_000
# Longer lines are text; titles that count have less than 100 characters beside their dots.
_MOST_LINE_CHARS: Final = 1_000
# An entry of the table has at most a few lines of summary, and its chapter much more.
_MOST_ENTRY_CHARS: Final = 400
# Numbered notes follow each other in scores.
_MOST_NOTE_CHARS: Final = 300
_FEWEST_NOTES: Final = 8
# A part has the entries of its chapters below.
_MOST_PART_CHARS: Final = 5_000
_CHAPTER_TIMES_ENTRY: Final = 5
# Above the entries a line may say "Chapter    Page"; a paragraph is looked at no further.
_FIRST_LINES: Final = 3
_MOST_ENTRY_LINE_CHARS: Final = 120
_NUMBER: Final = re.compile(r"(?:[IVXLC]+|\d{1,3})[.:)]\s+")
# Matches from the first dot or space only; else the pattern is tried at each (quadratic time).
_PAGE: Final = re.compile(r"(?<![\s.])[\s.]*\s(?:\d{1,4}|[ivxl]{1,6})$")


def find_lists(blocks: Sequence[Block]) -> set[int]:
    """Return which blocks list several chapters; such a block is never a heading."""
    return {
        index
        for index, block in enumerate(blocks)
        if len(block) > 1 and _is_list_of_headings(block)
    }


def _is_list_of_headings(block: Block) -> bool:
    if not any(map(is_contents_line, block[:_FIRST_LINES])):
        # The lines of a paragraph are full, and its first line has no number.
        if len(block[0]) > _MOST_ENTRY_LINE_CHARS or not parse_heading(block[0]):
            return False
    lines = [line for line in block if len(line) <= 120]
    heads = [head for line in lines if (head := parse_heading(line))]
    same_kind = Counter(head.kind for head in heads).most_common(1)
    paged = sum(map(is_contents_line, lines))
    return paged > 1 or (bool(same_kind) and same_kind[0][1] > 1)


def contents_spans(heads: Sequence[Heading], chars: Sequence[int]) -> list[range]:
    """Return the blocks of tables of contents.

    Their entries follow each other with hardly any text (`chars` below each), and their numbers
    stand again above a chapter. An empty chapter is none: its number does not stand again.
    """
    longest = _longest(heads, chars)
    last_at = {_key(head): index for index, head in enumerate(heads)}
    spans: list[range] = []
    start = 0
    seen_chapter = False
    for index in range(len(heads) + 1):
        if index < len(heads):
            head = heads[index]
            # Inside of the text "1. Milk" is no entry for "Chapter 1".
            key = (head.kind, head.number or head.label) if seen_chapter else _key(head)
            most = _MOST_PART_CHARS if head.is_container else _MOST_ENTRY_CHARS
            if chars[index] <= most and longest[key] > _CHAPTER_TIMES_ENTRY * chars[index]:
                continue
        if index - start > 1:
            spans.append(_span(heads, start, index, last_at))
        if index < len(heads):
            seen_chapter = seen_chapter or not heads[index].is_container
        start = index + 1
    return spans


def without_notes(heads: Sequence[Heading], chars: Sequence[int]) -> list[Heading]:
    """Return the headings without runs of bare numbers that have hardly any text: notes, lists."""
    kept: list[Heading] = []
    run: list[Heading] = []
    for head, count in zip(heads, chars, strict=True):
        if head.kind == "bare" and count <= _MOST_NOTE_CHARS:
            run.append(head)
            continue
        kept += run if len(run) < _FEWEST_NOTES else []
        kept.append(head)
        run = []
    return kept + (run if len(run) < _FEWEST_NOTES or not kept else [])


def _longest(heads: Sequence[Heading], chars: Sequence[int]) -> dict[object, int]:
    """Return the most text below a number, for its kind of heading and for any kind."""
    longest: dict[object, int] = {}
    for head, count in zip(heads, chars, strict=True):
        for key in (_key(head), (head.kind, head.number or head.label)):
            longest[key] = max(longest.get(key, 0), count)
    return longest


def _span(heads: Sequence[Heading], start: int, end: int, last_at: dict[object, int]) -> range:
    """Return the blocks of a run of entries; below the last entry a preface may stand."""
    if end == len(heads):
        return range(heads[start].position, heads[-1].position + 1)
    closing, first = heads[end], heads[start].position
    after = heads[end + 1] if end + 1 < len(heads) else None
    goes_on = closing.number in (None, (heads[end - 1].number or 0) + 1)
    restarts = after is not None and (after.number == 1 or after.is_container)
    if last_at[_key(closing)] > end and goes_on and restarts and not closing.is_container:
        return range(first, closing.position + 1)
    return range(first, closing.position)


def _key(head: Heading) -> object:
    return head.is_container, head.number or head.label.lower()


def listed_titles(blocks: Sequence[Block]) -> list[int]:
    """Return the blocks whose only line is a title that the table of contents lists, in order.

    For collections whose parts have titles but no numbers.
    """
    start = next((i for i, block in enumerate(blocks) if is_contents(block[0])), None)
    if start is None or len(blocks[start]) + len(blocks) - start < _FEWEST_TITLES:
        return []
    alone = {_bare(block[0]): i for i, block in enumerate(blocks) if len(block) == 1}
    titles: dict[str, None] = {}
    listed_until = start
    lines = ((i, line) for i in range(start, len(blocks)) for line in blocks[i])
    for i, line in islice(lines, _MOST_LINES):
        title = _bare(line)
        if title in titles:
            break
        if title and len(title) < 100 and not is_contents(line):
            titles[title] = None
            listed_until = i
    listed_blocks = [alone[title] for title in titles if alone.get(title, -1) >= listed_until]
    in_order = listed_blocks == sorted(listed_blocks)
    return listed_blocks if len(listed_blocks) >= _FEWEST_TITLES and in_order else []


def _bare(line: str) -> str:
    """Return the words of a line in lower case, without number in front and page at the end."""
    if len(line) > _MOST_LINE_CHARS:
        return ""
    text = line.strip()
    if number := _NUMBER.match(text):
        text = text[number.end() :]
    return " ".join(re.findall(r"\w+", _PAGE.sub("", text).lower()))
