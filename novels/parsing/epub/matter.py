"""Front and back matter that the author did not write: title page, imprint, contents, index.

The book's own declaration decides. A name alone decides nothing: a chapter may be called "Notes".
It counts together with what stands there: hardly any text, links, or the words of an imprint.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from math import inf
from typing import Final

from novels.parsing.epub.page import SCENE_BREAK, PageBlock
from novels.parsing.epub.reading import Reading
from novels.parsing.epub.vocabulary import (
    COMMON_NAMES,
    MOST_WORDS,
    PLAIN_NAMES,
    STRONG_SIGNS,
    WEAK_SIGNS,
)
from novels.parsing.model import count_words
from novels.parsing.sections import is_named

# Imprints and advertisements are shorter than chapters; a few words are no chapter.
_MOST_WORDS: Final = 600
_FEW_WORDS: Final = 60
_ORNAMENTS: Final = "#*_=~ -—–|[]:."
_MOST_NAME_CHARS: Final = 100

_MOST_IMPRINT_CHARS: Final = 4_000
# Fewer lines of links in a row are no table of contents.
_FEWEST_LINKS: Final = 3
_SENTENCE_ENDS: Final = ".!?…:;—-。！？」』”"
_PROSE_CHARS: Final = 60
_PROSE_CHARS_CJK: Final = 20


def drop_declared(reading: Reading, declared: Mapping[str, str]) -> None:
    """Drop documents that guide or landmarks call cover, imprint and the like, by reason."""
    for name, start, end in reading.spans():
        reason = declared.get(name)
        # Notes, an index or a table of contents may be long.
        if reason and _count(reading.blocks[start:end]) <= MOST_WORDS.get(reason, inf):
            reading.drop(start, end, reason)


def drop_contents(reading: Reading) -> None:
    """Drop lines that are links to several places of the book, and the heading above them."""
    run: list[int] = []
    for index, block in enumerate([*reading.blocks, PageBlock("end")]):
        if not block.text:
            continue
        if block.links and block.linked_chars * 2 > len(block.text):
            run.append(index)
            continue
        if _is_contents(reading, run):
            before = run[0] - 1
            is_headed = before >= 0 and named_reason(reading.blocks[before].text) is not None
            reading.drop(before if is_headed else run[0], run[-1] + 1, "table of contents")
        run = []


def _is_contents(reading: Reading, run: Sequence[int]) -> bool:
    """Return whether lines lead to the beginnings of pieces, not back to marks of notes."""
    links = ((i, href) for i in run for href in reading.blocks[i].links)
    targets = {reading.link_target(i, href) for i, href in links} - {None}
    begins = [
        target
        for target in targets
        if target is not None
        and target < len(reading.blocks)
        and (target > run[-1] or reading.blocks[target].level or reading.opens_document(target))
    ]
    return len(begins) >= _FEWEST_LINKS and len(begins) * 2 > len(targets)


def drop_by_name(reading: Reading, start: int, end: int, label: str) -> bool:
    """Drop a piece whose name and text both say that it is front or back matter."""
    blocks = [block for block in reading.blocks[start:end] if block.text]
    reason = named_reason(label)
    if reason is None or not blocks:
        return False
    words = _count(blocks)
    linked = sum(block.linked_chars for block in blocks) * 3 > sum(len(b.text) for b in blocks)
    most = _MOST_WORDS if _match(PLAIN_NAMES, label) else _FEW_WORDS
    if words <= most or linked or is_imprint(blocks):
        reading.drop(start, end, reason)
        return True
    return False


def named_reason(label: str) -> str | None:
    """Return which front or back matter a name stands for, if any."""
    return _match(PLAIN_NAMES, label) or _match(COMMON_NAMES, label)


def is_imprint(blocks: Iterable[PageBlock]) -> bool:
    """Return whether a short text has two signs of an imprint, one of them beyond doubt."""
    text = "\n".join(block.text for block in blocks)
    if len(text) > _MOST_IMPRINT_CHARS:
        return False
    strong = sum(bool(sign.search(text)) for sign in STRONG_SIGNS)
    weak = sum(bool(sign.search(text)) for sign in WEAK_SIGNS)
    return strong > 0 and strong + weak > 1


def _end_of_title(blocks: Sequence[PageBlock], names: Iterable[str]) -> int:
    """Return how many lines are title and author, and what stands below about the printing.

    A dedication or a motto below is the author's text.
    """
    if _count(blocks) > _FEW_WORDS * 2:
        return 0
    known = [words_of(name) for name in names if words_of(name)]
    texts = [words_of(block.text) for block in blocks]
    end = max((i + 1 for i, text in enumerate(texts) if any(n in text for n in known)), default=0)
    while 0 < end < len(blocks) and _is_about_printing(blocks[end].text):
        end += 1
    return end


def _is_about_printing(text: str) -> bool:
    return not any(map(str.isalpha, text)) or any(
        sign.search(text) for sign in (*STRONG_SIGNS, *WEAK_SIGNS)
    )


def is_prose(text: str) -> bool:
    """Return whether a paragraph is a sentence; a line of CJK has more in fewer characters."""
    stripped = text.rstrip("_*\"'”’)» ")
    if not stripped or stripped[-1] not in _SENTENCE_ENDS:
        return False
    return len(text) >= (_PROSE_CHARS if text.isascii() or " " in text else _PROSE_CHARS_CJK)


def words_of(text: str) -> str:
    """Return the words of a text in lower case, for comparison."""
    return " ".join(re.findall(r"\w+", text.lower()))


def _match(names: Mapping[str, re.Pattern[str]], label: str) -> str | None:
    bare = label.strip(_ORNAMENTS)
    if len(bare) > _MOST_NAME_CHARS:
        return None
    return next((reason for reason, name in names.items() if name.fullmatch(bare)), None)


def _count(blocks: Iterable[PageBlock]) -> int:
    return sum(count_words(block.text) for block in blocks if block.text != SCENE_BREAK)


def drop_publishers_pages(reading: Reading, names: Sequence[str], listed: Sequence[int]) -> None:
    """Drop imprints that the contents do not list, and title pages in front of the text.

    `listed` are the sorted indexes of the lines of the contents.
    """
    is_front = True
    for _, start, end in reading.spans():
        blocks = [block for block in reading.blocks[start:end] if block.text]
        if not blocks:
            continue
        after = bisect_left(listed, start)
        first_listed = next((i for i in listed[after : after + 1] if i < end), None)
        if first_listed is None and is_imprint(blocks):
            reading.drop(start, end, "imprint")
        elif is_front:
            until = end if first_listed is None else first_listed
            _drop_title_lines(reading, start, until, names)
        is_front = is_front and first_listed is None and _count(blocks) <= _MOST_WORDS


def _begins_text(block: PageBlock, known: set[str]) -> bool:
    is_heading = block.level > 0 and words_of(block.text) not in known
    return is_heading or is_prose(block.text) or is_named(block.text)


def _drop_title_lines(reading: Reading, start: int, end: int, names: Sequence[str]) -> None:
    """Drop lines above the first sentence if the title or the author stands there."""
    known = {words_of(name) for name in names}
    blocks = reading.blocks[start:end]
    if any(is_prose(block.text) for block in blocks):
        blocks = list(takewhile(lambda block: not _begins_text(block, known), blocks))
    end_of_title = _end_of_title(blocks, names)
    reading.drop(start, start + end_of_title, "title page")
