"""Find the chapters of a plain text."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Final

from novels.parsing.assembly import Outline, Section
from novels.parsing.contents import contents_spans, find_lists, without_notes
from novels.parsing.headings import Heading, is_title_line, parse_heading
from novels.parsing.model import LeftOut, Limits, count_words, too_many
from novels.parsing.paragraphs import Block, chars_with_next_word, reflow, wrap_width
from novels.parsing.sections import is_back_matter, is_contents, without_title_page
from novels.parsing.series import choose_headings
from novels.parsing.unnumbered import declared_headings, titles_apart, unnumbered_headings

# Chapter titles of the eighteenth century run over several lines.
_MAX_TITLE_LINES: Final = 5
# A line of the table of contents, the heading itself, and sections in the chapter.
_HEADINGS_PER_CHAPTER: Final = 5
# More text behind the last chapter is a chapter that is named like notes.
_MOST_BACK_SHARE: Final = 0.2
_BACK_CHARS: Final = 2_000
_MOST_PART_LINE_CHARS: Final = 60


def find_chapters(blocks: Sequence[Block], gaps: Sequence[int], limits: Limits) -> Outline:
    """Return the text cut at its headings; `gaps` are the blank lines above each block."""
    blocks, gaps = _split_part_lines(blocks, gaps)
    width = wrap_width(blocks)
    lists = find_lists(blocks)
    candidates = _candidates(blocks, lists, width, limits)
    chars = _chars_below(blocks, lists, candidates)
    spans = contents_spans(candidates, chars)
    in_contents = {place for span in spans for place in span}
    heads = without_notes(candidates, chars)
    heads = [head for head in heads if head.position not in in_contents]
    heads = declared_headings(blocks) or _chosen(heads, blocks, gaps)
    heads = _with_titles_below(heads, blocks, width)
    if not heads:
        return Outline([Section(None, _paragraphs(blocks, width))])
    return _cut(blocks, heads, in_contents, lists, width)


def _split_part_lines(
    blocks: Sequence[Block], gaps: Sequence[int]
) -> tuple[list[Block], list[int]]:
    """Put "PART ONE" and "CHAPTER I", two lines of one block, into blocks of their own."""
    split: list[Block] = []
    split_gaps: list[int] = []
    for index, block in enumerate(blocks):
        if 2 <= len(block) <= _MAX_TITLE_LINES and len(block[0]) <= _MOST_PART_LINE_CHARS:
            first, second = parse_heading(block[0]), parse_heading(block[1])
            if first and second and first.is_container and second.kind != first.kind:
                split += [block[:1], block[1:]]
                split_gaps += [gaps[index], 0]
                continue
        split.append(block)
        split_gaps.append(gaps[index])
    return split, split_gaps


def _candidates(
    blocks: Sequence[Block], lists: set[int], width: int, limits: Limits
) -> list[Heading]:
    heads: list[Heading] = []
    for index, block in enumerate(blocks):
        head = None if index in lists else _block_heading(block, width)
        if head is not None:
            heads.append(head.at(index))
        if len(heads) > limits.max_chapters * _HEADINGS_PER_CHAPTER:
            raise too_many("chapters", limits.max_chapters)
    return heads


def _chars_below(blocks: Sequence[Block], lists: set[int], heads: Sequence[Heading]) -> list[int]:
    """Return how much text stands between each heading and the next."""
    chars = (0 if i in lists else sum(map(len, block)) for i, block in enumerate(blocks))
    sums = [0, *accumulate(chars)]
    below: list[int] = []
    end = container_end = len(blocks)
    for head in reversed(heads):
        own = sum(map(len, blocks[head.position][_MAX_TITLE_LINES:]))
        # A part has the text of its chapters.
        until = container_end if head.is_container else end
        below.append(own + sums[until] - sums[head.position + 1])
        end = head.position
        container_end = head.position if head.is_container else container_end
    return below[::-1]


def _block_heading(block: Block, width: int) -> Heading | None:
    head = parse_heading(block[0])
    if head is None or len(block) == 1:
        return head
    if _lines_below(block, head, width):
        return head
    # Lines of a paragraph are full; those of a heading end early.
    is_full = chars_with_next_word(block[0], block[1]) > width
    return None if is_full or head.kind == "bare" else head


def _lines_below(block: Block, head: Heading, width: int) -> int:
    """Return how many lines below the first are the rest of the heading."""
    rest = block[1:]
    if not 0 < len(rest) < _MAX_TITLE_LINES:
        return 0
    is_wrapped = (
        bool(head.title)
        and head.kind != "bare"
        and (chars_with_next_word(block[0], block[1]) > width * 0.8)
    )
    return len(rest) if is_wrapped or all(map(is_title_line, rest)) else 0


def _chosen(
    candidates: Sequence[Heading], blocks: Sequence[Block], gaps: Sequence[int]
) -> list[Heading]:
    """Return the numbered chapters and parts, or else titles without numbers."""
    heads = choose_headings(candidates)
    if _are_list_items(heads, len(blocks)):
        heads = []
    numbered = [head for head in heads if not head.is_container]
    if not numbered or all(head.kind == "bare" for head in numbered):
        apart = titles_apart(blocks, gaps)
        if _is_inside_one(numbered, apart):
            numbered = []
    if numbered:
        return heads
    parts = [head for head in heads if head.is_container]
    known = {head.position for head in parts}
    titles = unnumbered_headings(blocks, gaps)
    merged = [*parts, *(head for head in titles if head.position not in known)]
    return sorted(merged, key=lambda head: head.position)


def _is_inside_one(numbered: Sequence[Heading], titles: Sequence[Heading]) -> bool:
    """Return whether all numbers stand below one of several titles: its sections."""
    own = {head.position for head in numbered}
    places = [title.position for title in titles if title.position not in own]
    if not numbered or len(places) < max(3, len(own)):
        return False
    before = {bisect_left(places, position) for position in own}
    return len(before) == 1 and before != {0}


def _are_list_items(heads: Sequence[Heading], count: int) -> bool:
    """Return whether bare numbers mostly follow each other directly: a list, not chapters."""
    if not heads or any(head.kind != "bare" for head in heads):
        return False
    ends = [head.position for head in heads[1:]] + [count]
    direct = sum(end - head.position < 2 for head, end in zip(heads, ends, strict=False))
    return direct * 2 >= len(heads)


def _with_titles_below(
    heads: Sequence[Heading], blocks: Sequence[Block], width: int
) -> list[Heading]:
    """Take the titles that stand below the numbers.

    In a block of its own a title is believed only if most chapters have one.
    """
    below = [
        not head.title
        and len(blocks[head.position]) == 1
        and head.position + 2 < len(blocks)
        and len(blocks[head.position + 1]) == 1
        and is_title_line(blocks[head.position + 1][0])
        and parse_heading(blocks[head.position + 1][0]) is None
        for head in heads
    ]
    common = sum(below) * 2 > sum(not head.is_container for head in heads)
    titled: list[Heading] = []
    for head, has_below in zip(heads, below, strict=True):
        block = blocks[head.position]
        lines = block[1 : 1 + _lines_below(block, head, width)]
        if has_below and common:
            lines = blocks[head.position + 1]
        title = " ".join([head.title, *(line.strip().strip("#*_=") for line in lines)]).strip()
        titled.append(replace(head, title=title, form="below" if has_below and common else ""))
    return titled


def _cut(
    blocks: Sequence[Block],
    heads: Sequence[Heading],
    in_contents: set[int],
    lists: set[int],
    width: int,
) -> Outline:
    """Return the sections from heading to heading, without contents, title page and notes."""
    first, end = heads[0].position, _end_of_text(blocks, heads[-1])
    listed = in_contents | {
        index
        for index, block in enumerate(blocks[:first])
        if index in lists or is_contents(block[0])
    }
    above = _paragraphs((b for i, b in enumerate(blocks[:first]) if i not in listed), width)
    front = without_title_page(above)
    sections = [Section(None, front)]
    ends = [head.position for head in heads[1:]] + [end]
    for head, section_end in zip(heads, ends, strict=False):
        block, start = blocks[head.position], head.position + (2 if head.form == "below" else 1)
        rest = block[1 + _lines_below(block, parse_heading(block[0]) or head, width) :]
        body = (blocks[i] for i in range(start, section_end) if i not in in_contents)
        sections.append(Section(head, _paragraphs([rest, *body] if rest else body, width)))
    parts = {
        ("contents", "lists the chapters"): (blocks[index] for index in sorted(listed)),
        ("title page", "no prose"): ((p,) for p in above[: len(above) - len(front)]),
        ("notes", "behind the last chapter"): blocks[end:],
    }
    # They are in the titles of chapters, not in their texts.
    words = sum(count_words(f"{head.label} {head.title}") for head in heads)
    return Outline(sections, list(_left_out(parts)), words)


def _left_out(parts: dict[tuple[str, str], Iterable[Block]]) -> Iterable[LeftOut]:
    for (name, reason), blocks in parts.items():
        words = sum(count_words(line) for block in blocks for line in block)
        if words:
            yield LeftOut(name, reason, words)


def _end_of_text(blocks: Sequence[Block], last: Heading) -> int:
    total = sum(len(line) for block in blocks for line in block)
    for index in range(last.position + 1, len(blocks)):
        if len(blocks[index]) == 1 and is_back_matter(blocks[index][0]):
            behind = sum(len(line) for block in blocks[index:] for line in block)
            return index if behind <= max(total * _MOST_BACK_SHARE, _BACK_CHARS) else len(blocks)
    return len(blocks)


def _paragraphs(blocks: Iterable[Block], width: int) -> list[str]:
    return [paragraph for block in blocks for paragraph in reflow(block, width) if paragraph]
