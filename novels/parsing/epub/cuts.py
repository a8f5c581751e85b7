"""Cut an EPUB at its marks, and say which of them are parts, chapters or sections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from novels.parsing.assembly import Outline, Section
from novels.parsing.epub.marks import Mark, heads_of, spans, text_words
from novels.parsing.epub.matter import words_of
from novels.parsing.epub.page import SCENE_BREAK, PageBlock
from novels.parsing.epub.reading import Reading
from novels.parsing.headings import Heading, parse_heading
from novels.parsing.model import count_words
from novels.parsing.sections import is_named

# At most volume, part, book title, number, title and subtitle stand above a chapter.
_MOST_HEADINGS: Final = 8
# A dedication or a motto has fewer words; in a book with numbers it joins a neighbour.
_FEW_WORDS: Final = 60
# So does a short preface, prologue or epilogue.
_MOST_JOINED_WORDS: Final = 400
# Parts inside of parts, from the outermost.
_PART_KINDS: Final = ("volume", "book", "part")
# A piece with the book's title is its title page, or from here on the book.
_MOST_TITLE_WORDS: Final = 300


def cut_at_marks(reading: Reading, marks: Sequence[Mark], title: str | None) -> Outline:
    """Return the text cut at the marks that are chapters or hold chapters.

    Where chapters have numbers, a preface, interlude or epilogue joins a neighbour.
    """
    marks = _without_sections(reading, marks)
    roles = _Roles(reading, marks, words_of(title or "")).headings()
    if not roles:
        return Outline([Section(None, _texts(reading.blocks))])
    first = marks[0].index
    cut = Outline([Section(None, _texts(reading.blocks[:first]))])
    above: list[str] = [title] if title else []
    parts = _OpenParts(marks)
    for number, (mark, end, _) in enumerate(spans(marks, len(reading.blocks))):
        blocks = [block for block in reading.blocks[mark.index : end] if block.text]
        heading = roles.get(number)
        if heading is not None:
            heading, rest = _take_heading(heading, [*above, mark.label], blocks)
            taken = sum(count_words(b.text) for b in blocks) - sum(
                count_words(b.text) for b in rest
            )
            cut.heading_words += taken
            cut.sections += parts.close(mark)
            _add(cut, parts.open(number, heading), mark, rest)
        elif blocks:
            is_headed = (
                blocks[0].level or mark.depth > 1 or words_of(mark.label) == words_of(title or "")
            )
            is_named = words_of(blocks[0].text).startswith(words_of(mark.label))
            label = [] if is_headed or is_named else [mark.label]
            cut.sections[-1].paragraphs += [*label, *_texts(blocks)]
        # Headings of parts may stand on the page of the chapter that follows.
        above = [*above, mark.label][-_MOST_HEADINGS:] if not blocks else [title or ""]
    return cut


def _add(cut: Outline, heading: Heading, mark: Mark, blocks: list[PageBlock]) -> None:
    """Add a section; a heading without text below makes no chapter."""
    if all(b.text == SCENE_BREAK for b in blocks) and not heading.is_container:
        cut.empty.append(mark.label)
    else:
        cut.sections.append(Section(heading, _texts(blocks)))


class _OpenParts:
    """Ends a part where the contents go on beside it; in flat contents the next one ends it."""

    def __init__(self, marks: Sequence[Mark]) -> None:
        self._children = _children(marks)
        self._marks = marks
        self._depths: list[int] = []

    def open(self, number: int, heading: Heading) -> Heading:
        """Return the heading; that of a part as one inside of the parts that are open."""
        if not (heading.is_container and self._children[number]):
            return heading
        self._depths.append(self._marks[number].depth)
        return replace(heading, kind=_PART_KINDS[min(len(self._depths), len(_PART_KINDS)) - 1])

    def close(self, mark: Mark) -> list[Section]:
        """Return sections that end the parts which do not hold a mark."""
        closed: list[Section] = []
        while self._depths and self._depths[-1] >= mark.depth:
            kind = _PART_KINDS[min(len(self._depths), len(_PART_KINDS)) - 1]
            self._depths.pop()
            closed.append(Section(Heading(kind, "end", None, "", "")))
        return closed


class _Roles:
    """Finds the marks that are parts or chapters; `title` is the book's, as `words_of`."""

    def __init__(self, reading: Reading, marks: Sequence[Mark], title: str) -> None:
        self._marks = marks
        self._title = title
        self._children = _children(marks)
        self._words = [
            text_words(reading, mark.index, end)
            for mark, end, _ in spans(marks, len(reading.blocks))
        ]
        self._title_pages = self._find_title_pages()

    def headings(self) -> dict[int, Heading]:
        """Return the heading of each mark that is a chapter or a part, by its number."""
        parts = {i for i in range(len(self._marks)) if self._is_part(i)}
        chapters = [i for i in range(len(self._marks)) if i not in parts and not self._is_title(i)]
        heads = {head.position: head for head in heads_of(self._marks)}
        if sum(i in heads and heads[i].kind == "bare" for i in chapters) * 2 < len(chapters):
            # "24 Hours" is no number where most chapters have none.
            heads = {i: head for i, head in heads.items() if head.kind != "bare"}
        numbered = [i for i in chapters if i in heads and not heads[i].is_container]
        others = [i for i in chapters if i not in heads]
        plain = [i for i in others if not is_named(self._marks[i].label)]
        chosen = {i: heads[i] for i in [*parts, *chapters] if i in heads}
        for i in others:
            most = _MOST_JOINED_WORDS if is_named(self._marks[i].label) else _FEW_WORDS
            if len(numbered) < max(1, len(plain)) or self._words[i] > most:
                chosen[i] = _make_titled_heading(self._marks[i].label, "section")
        for i in parts:
            if i not in chosen or not chosen[i].is_container:
                chosen[i] = _make_titled_heading(self._marks[i].label, "part")
        for i in chapters:
            if i in chosen and chosen[i].is_container and not self._holds_next(i, chosen):
                chosen[i] = _make_titled_heading(self._marks[i].label, "section")
        return chosen

    def _is_title(self, number: int) -> bool:
        """Return whether a mark is the book's title page, or the book above its chapters."""
        is_title = words_of(self._marks[number].label) == self._title
        return is_title and (
            bool(self._children[number]) or self._words[number] <= _MOST_TITLE_WORDS
        )

    def _is_part(self, number: int) -> bool:
        """Return whether a mark holds chapters, or is a title alone before several of them."""
        if self._is_title(number):
            return False
        return bool(self._children[number]) or number in self._title_pages

    def _find_title_pages(self) -> set[int]:
        """Return titles without text before chapters, in flat contents; one alone is none."""
        pages = {
            number
            for number in range(len(self._marks) - 1)
            if not self._words[number]
            and self._words[number + 1]
            and self._marks[number].depth == self._marks[number + 1].depth
            and not self._is_title(number)
            and not self._are_alike(number)
        }
        return pages if len(pages) > 1 else set()

    def _are_alike(self, number: int) -> bool:
        """Return whether a mark and the next one are both chapters with numbers."""
        head, following = (parse_heading(self._marks[i].label) for i in (number, number + 1))
        return head is not None and following is not None and head.kind == following.kind

    def _holds_next(self, number: int, chosen: dict[int, Heading]) -> bool:
        """Return whether a part in flat contents is followed by one of its chapters."""
        following = chosen.get(number + 1)
        if following is None or following.is_container:
            return False
        return following.number is not None or self._words[number] <= _FEW_WORDS


def _without_sections(reading: Reading, marks: Sequence[Mark]) -> list[Mark]:
    """Return the marks without those of sections inside of a chapter."""
    children = _children(marks)
    parents = Counter(mark.depth for mark, below in zip(marks, children, strict=True) if below)
    leaves = Counter(
        mark.depth
        for (mark, end, _), below in zip(spans(marks, len(reading.blocks)), children, strict=True)
        if not below and not is_named(mark.label) and text_words(reading, mark.index, end)
    )
    kept: list[Mark] = []
    inside: int | None = None
    for mark, below in zip(marks, children, strict=True):
        if inside is not None and mark.depth > inside:
            continue
        kept.append(mark)
        is_part = _holds_chapters(reading, mark, [marks[i] for i in below])
        if is_part is None:
            is_part = leaves[mark.depth] < parents[mark.depth]
        inside = mark.depth if below and not is_part else None
    return kept


def _holds_chapters(reading: Reading, mark: Mark, children: Sequence[Mark]) -> bool | None:
    """Return whether what stands below a line of the contents are chapters, None if unclear."""
    head = parse_heading(mark.label)
    # Sections may hold chapters, and chapters sections.
    if head is not None and head.kind not in ("bare", "section"):
        return head.is_container
    heads = [parse_heading(child.label) for child in children]
    if sum(bool(h and h.kind != "bare") for h in heads) * 2 > len(children):
        return True
    end = reading.document_end(mark.index)
    if sum(child.index >= end for child in children) * 2 > len(children):
        return True
    return False if head is not None and head.kind == "bare" else None


def _children(marks: Sequence[Mark]) -> list[list[int]]:
    """Return for each mark those directly below it."""
    children: list[list[int]] = [[] for _ in marks]
    path: list[int] = []
    for number, mark in enumerate(marks):
        while path and marks[path[-1]].depth >= mark.depth:
            path.pop()
        if path:
            children[path[-1]].append(number)
        path.append(number)
    return children


def _make_titled_heading(label: str, kind: str) -> Heading:
    return Heading(kind, "title", None, label, label)


def _take_heading(
    heading: Heading, labels: Sequence[str], blocks: list[PageBlock]
) -> tuple[Heading, list[PageBlock]]:
    """Take the heading's own lines off the text, and from them the title that it lacks."""
    known = {words_of(text) for text in [*labels, heading.label, heading.title]} - {""}
    lines = [" ".join(block.text.split()) for block in blocks[:_MOST_HEADINGS]]
    kept: list[PageBlock] = []
    for number, (line, block) in enumerate(zip(lines, blocks, strict=False)):
        head = parse_heading(line) if block.level else None
        if words_of(line) in known or (head and words_of(head.title) in known):
            known.add(words_of(line))
            if head and head.number == heading.number:
                # A second line with this number is that of a section.
                known -= {words_of(heading.label), words_of(line)}
        elif not block.level:
            return heading, [*kept, *blocks[number:]]
        elif not heading.title and (head is None or head.number in (heading.number, None)):
            heading = replace(heading, title=head.title if head else line)
            known.add(words_of(heading.title))
        elif not _is_number_above(heading, head, lines[number + 1 :], known):
            kept.append(block)
    return heading, [*kept, *blocks[_MOST_HEADINGS:]]


def _is_number_above(
    heading: Heading, head: Heading | None, below: Sequence[str], known: set[str]
) -> bool:
    """Return whether a line is the number of a chapter whose title follows it."""
    if head is None or head.title or head.is_container or heading.number is not None:
        return False
    return any(words_of(line) in known for line in below)


def _texts(blocks: Sequence[PageBlock]) -> list[str]:
    return [block.text for block in blocks if block.text]
