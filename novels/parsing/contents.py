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
_NUMBER: Final = re.compile(r"(?:[IVXLC]+|\d{1,3})[.:)]\s+")
# Matches from the first dot or space only; else the pattern is tried at each (quadratic time).
_PAGE: Final = re.compile(r"(?<![\s.])[\s.]*\s(?:\d{1,4}|[ivxl]{1,6})$")


def is_list_of_headings(block: Block) -> bool:
    """Return whether one block lists several chapters; such a block is never a heading."""
    if len(block) < 2:
        return False
    lines = [line for line in block if len(line) <= 120]
    heads = [head for line in lines if (head := parse_heading(line))]
    same_kind = Counter(head.kind for head in heads).most_common(1)
    paged = sum(map(is_contents_line, lines))
    return paged > 1 or (bool(same_kind) and same_kind[0][1] > 1)


def without_contents(heads: Sequence[Heading], has_text: Sequence[bool]) -> list[Heading]:
    """Drop runs of headings without text whose numbers all appear again later.

    An empty chapter stays: its number does not appear again.
    """
    last_at = {_key(head): index for index, head in enumerate(heads)}
    kept: list[Heading] = []
    run: list[int] = []
    for index in range(len(heads)):
        run.append(index)
        if not has_text[index]:
            continue
        # The last line of the table may be followed by a dedication.
        *empty, closing = run
        again = sum(last_at[_key(heads[i])] > empty[-1] for i in empty)
        listed = len(empty) > 1 and again * 5 >= len(empty) * 4
        if not listed:
            kept += (heads[i] for i in run)
        elif last_at[_key(heads[closing])] == closing or not _continues(heads, closing):
            kept.append(heads[closing])
        run = []
    return [*kept, *(heads[i] for i in run)]


def _key(head: Heading) -> tuple[str, int | None]:
    return ("bare" if head.kind == "bare" else head.kind, head.number)


def _continues(heads: Sequence[Heading], index: int) -> bool:
    before = heads[index - 1]
    return heads[index].number == (before.number or 0) + 1


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
