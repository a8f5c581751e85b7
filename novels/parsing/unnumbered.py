"""Chapters without numbers: titles that stand apart, or that mark-up of plain text declares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from novels.parsing.contents import listed_titles
from novels.parsing.headings import Heading, parse_heading
from novels.parsing.paragraphs import Block
from novels.parsing.sections import is_back_matter, is_contents, is_named

_FEWEST_TITLES: Final = 3
# A blank line separates paragraphs; chapters have more of them above.
_LEAST_GAP: Final = 2
_MOST_GAP: Final = 6
# Above most wide gaps' ends stands a title, or they separate scenes.
_TITLES_SHARE: Final = 0.6
_MOST_TITLE_CHARS: Final = 70
_MOST_TITLE_LINES: Final = 2
# Less text below the titles is a list.
_LEAST_MEAN_CHARS: Final = 800
_ORNAMENTS: Final = "#*_= "
_SENTENCE_ENDS: Final = (".", "!", "?", "…", "。", "！", "？")
_SPEECH: Final = ("-", "–", "—", "„", "“", "«", '"', "»", "「", "‘", "'")
_SPEECH_ENDS: Final = ("”", "“", "»", '"', "」", "«", "’", "'")


def unnumbered_headings(blocks: Sequence[Block], gaps: Sequence[int]) -> list[Heading]:
    """Return titles that the contents list, or that stand apart, or else prologue and epilogue."""
    places = listed_titles(blocks)
    if places:
        return [_make_heading(blocks[place], place) for place in places]
    apart = titles_apart(blocks, gaps)
    if apart:
        return apart
    return [
        _make_heading(block, place)
        for place, block in enumerate(blocks)
        if len(block) == 1 and is_named(block[0])
    ]


def declared_headings(blocks: Sequence[Block]) -> list[Heading]:
    """Return the lines that begin with "#" as in Markdown: chapters, and parts above them.

    The level with the most headings is that of the chapters; deeper ones are sections in them.
    """
    levels: dict[int, list[int]] = {}
    for place, block in enumerate(blocks):
        if len(block) == 1 and (level := declared_level(block[0])):
            levels.setdefault(level, []).append(place)
    if not levels:
        return []
    chapters = max(levels, key=lambda level: (len(levels[level]), -level))
    # One heading above all is the title of the book.
    parts = [
        place
        for level, places in levels.items()
        if level < chapters and len(places) > 1
        for place in places
    ]
    if len(levels[chapters]) < 2:
        return []
    heads = [_make_heading(blocks[place], place) for place in levels[chapters]]
    heads += [_make_heading(blocks[place], place, kind="part") for place in parts]
    return sorted(heads, key=lambda head: head.position)


def declared_level(line: str) -> int:
    """Return the level of "## Title" (2), and 0 of other lines."""
    marks = len(line) - len(line.lstrip("#"))
    return marks if 1 <= marks <= 6 and line[marks : marks + 1] == " " else 0


def titles_apart(blocks: Sequence[Block], gaps: Sequence[int]) -> list[Heading]:
    """Return titles above which more blank lines stand than above paragraphs."""
    titles = [
        place for place, gap in enumerate(gaps) if gap >= _LEAST_GAP and _may_be(blocks[place])
    ]
    known = set(titles)
    # The text below a title is set off as well; a short sentence there is no other title.
    titles = [
        place
        for place in titles
        if place - 1 not in known or not blocks[place][-1].endswith(_SENTENCE_ENDS)
    ]
    known = set(titles)
    wide = [gap for place, gap in enumerate(gaps) if place - 1 not in known]
    for least in range(_LEAST_GAP, _MOST_GAP + 1):
        apart = [place for place in titles if gaps[place] >= least]
        if len(apart) < _FEWEST_TITLES:
            break
        if len(apart) >= sum(gap >= least for gap in wide) * _TITLES_SHARE:
            return _with_parts(blocks, apart)
    return []


def _may_be(block: Block) -> bool:
    if len(block) > _MOST_TITLE_LINES or len(block[0]) > 2 * _MOST_TITLE_CHARS:
        return False
    text = " ".join(line.strip() for line in block).strip(_ORNAMENTS)
    if not 1 < len(text) <= _MOST_TITLE_CHARS or text[-1] in ",;:-—":
        return False
    if is_contents(text) or is_back_matter(text):
        return False
    if text.startswith(_SPEECH) and text.endswith((*_SENTENCE_ENDS, *_SPEECH_ENDS)):
        return False
    return not text[0].islower() and any(map(str.isalpha, text))


def _with_parts(blocks: Sequence[Block], places: Sequence[int]) -> list[Heading]:
    """Return a title without text below as a part; on the title page, and at the end, as none."""
    following = [*places[1:], len(blocks)]
    chars = [
        sum(len(line) for block in blocks[place + 1 : after] for line in block)
        for place, after in zip(places, following, strict=True)
    ]
    # Lines of a title page have little below them; a part has its first chapter there.
    first = next((i for i, count in enumerate(chars) if count >= _LEAST_MEAN_CHARS), len(chars))
    above = [i for i in range(first) if chars[i] == 0 and places[i] + 1 == places[first]][-1:]
    heads = [
        _make_heading(blocks[places[i]], places[i], kind="section" if chars[i] else "part")
        for i in [*above, *range(first, len(places))]
    ]
    while heads and heads[-1].is_container:
        heads.pop()
    # A single part is the title of the book.
    if sum(head.is_container for head in heads) == 1:
        heads = [head for head in heads if not head.is_container]
    count = sum(not head.is_container for head in heads)
    enough = count >= _FEWEST_TITLES and sum(chars) >= _LEAST_MEAN_CHARS * count
    return heads if enough else []


def _make_heading(block: Block, place: int, *, kind: str = "section") -> Heading:
    title = " ".join(" ".join(block).split()).strip(_ORNAMENTS)
    head = parse_heading(title)
    if head is not None:
        return Heading(kind, "title", head.number, head.label, head.title or head.label, place)
    return Heading(kind, "title", None, title, title, place)
