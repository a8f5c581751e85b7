"""Find the chapters of a plain text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from novels.parsing.assembly import Section, too_many_chapters
from novels.parsing.contents import is_list_of_headings, listed_titles, without_contents
from novels.parsing.headings import Heading, is_title_line, parse_heading
from novels.parsing.limits import Limits
from novels.parsing.paragraphs import Block, chars_with_next_word, reflow, wrap_width
from novels.parsing.sections import is_back_matter, is_named, without_title_page
from novels.parsing.series import choose_headings

# Chapter titles of the eighteenth century run over several lines.
_MAX_TITLE_LINES: Final = 4
# A line of the table of contents, the heading itself, and sections in the chapter.
_HEADINGS_PER_CHAPTER: Final = 5


def outline(blocks: Sequence[Block], limits: Limits) -> list[Section]:
    """Return the text cut at its headings; without headings it is one section.

    Raises:
        ParseError: So many lines like headings that no novel can be meant.
    """
    blocks = _split_part_lines(blocks)
    width = wrap_width(blocks)
    heads = choose_headings(_candidates(blocks, width, limits))
    if _are_list_items(heads, len(blocks)):
        heads = []
    heads = heads or _find_unnumbered(blocks)
    heads = _with_titles_below(heads, blocks)
    if not heads:
        return [Section(None, _paragraphs(blocks, width))]
    front = without_title_page(
        _paragraphs([b for b in blocks[: heads[0].position] if not is_list_of_headings(b)], width)
    )
    sections = [Section(None, front)]
    ends = [head.position for head in heads[1:]] + [_end_of_text(blocks, heads[-1])]
    for head, end in zip(heads, ends, strict=False):
        below = _rest_of_heading(blocks, head, width)
        section = Section(head, _paragraphs([*below, *blocks[_after(blocks, head) : end]], width))
        sections.append(section)
    return sections


def _split_part_lines(blocks: Sequence[Block]) -> list[Block]:
    """Put "PART ONE" and "CHAPTER I", two lines of one block, into blocks of their own."""
    split: list[Block] = []
    for block in blocks:
        if 2 <= len(block) <= _MAX_TITLE_LINES:
            first, second = parse_heading(block[0]), parse_heading(block[1])
            if first and second and first.is_container and second.kind != first.kind:
                split += [block[:1], block[1:]]
                continue
        split.append(block)
    return split


def _candidates(blocks: Sequence[Block], width: int, limits: Limits) -> list[Heading]:
    heads: list[Heading] = []
    for index, block in enumerate(blocks):
        head = _block_heading(block, width)
        if head is not None:
            heads.append(head.at(index))
        if len(heads) > limits.max_chapters * _HEADINGS_PER_CHAPTER:
            raise too_many_chapters(limits.max_chapters)
    ends = [head.position for head in heads[1:]] + [len(blocks)]
    has_text = [
        any(_is_text(block) for block in blocks[head.position + 1 : end])
        or len(blocks[head.position]) > _MAX_TITLE_LINES
        for head, end in zip(heads, ends, strict=False)
    ]
    return without_contents(heads, has_text)


def _is_text(block: Block) -> bool:
    return not is_list_of_headings(block) and not (
        len(block) == 1 and (is_title_line(block[0]) or is_named(block[0]))
    )


def _block_heading(block: Block, width: int) -> Heading | None:
    head = parse_heading(block[0])
    if head is None or len(block) == 1:
        return head
    # Lines of a paragraph are full; those of a heading end early.
    if chars_with_next_word(block[0], block[1]) > width or is_list_of_headings(block):
        return None
    if head.kind == "bare" and not _title_lines(block):
        return None
    return head


def _title_lines(block: Block) -> int:
    """Return how many lines below the first are the rest of the heading."""
    rest = block[1:]
    if len(rest) < _MAX_TITLE_LINES and all(is_title_line(line) for line in rest):
        return len(rest)
    return 0


def _are_list_items(heads: Sequence[Heading], count: int) -> bool:
    """Return whether bare numbers mostly follow each other directly: a list, not chapters."""
    if not heads or any(head.kind != "bare" for head in heads):
        return False
    ends = [head.position for head in heads[1:]] + [count]
    direct = sum(end - head.position < 2 for head, end in zip(heads, ends, strict=False))
    return direct * 2 >= len(heads)


def _find_unnumbered(blocks: Sequence[Block]) -> list[Heading]:
    """Return titles that a table of contents lists, or else prologue, epilogue and the like."""
    places = listed_titles(blocks) or [
        index for index, block in enumerate(blocks) if len(block) == 1 and is_named(block[0])
    ]
    return [
        Heading("section", "title", None, title, title, place)
        for place in places
        for title in [" ".join(blocks[place][0].split()).strip("#*_= ")]
    ]


def _with_titles_below(heads: Sequence[Heading], blocks: Sequence[Block]) -> list[Heading]:
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
        lines = blocks[head.position][1 : 1 + _title_lines(blocks[head.position])]
        if has_below and common:
            lines = blocks[head.position + 1]
        title = " ".join([head.title, *(line.strip().strip("#*_=") for line in lines)]).strip()
        titled.append(replace(head, title=title, form="below" if has_below and common else ""))
    return titled


def _after(blocks: Sequence[Block], head: Heading) -> int:
    return head.position + (2 if head.form == "below" else 1)


def _rest_of_heading(blocks: Sequence[Block], head: Heading, width: int) -> list[Block]:
    """Return text that follows the heading in the same block."""
    block = blocks[head.position]
    rest = block[1 + _title_lines(block) :]
    return [rest] if rest else []


def _end_of_text(blocks: Sequence[Block], last: Heading) -> int:
    for index in range(last.position + 1, len(blocks)):
        if len(blocks[index]) == 1 and is_back_matter(blocks[index][0]):
            return index
    return len(blocks)


def _paragraphs(blocks: Sequence[Block], width: int) -> list[str]:
    return [paragraph for block in blocks for paragraph in reflow(block, width) if paragraph]
