"""Split one XHTML document into blocks of text, and count the words of other parts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from novels.parsing.epub.markup import clean_text, local_name, read_markup
from novels.parsing.epub.vocabulary import (
    BLOCK_TAGS,
    HEADING_LEVELS,
    INLINE_REASONS,
    MOST_WORDS,
    NOT_COUNTED,
    reason_to_skip,
)
from novels.parsing.model import count_words, too_many

# The mark of a note, or the arrow that leads back from a note.
_NOTE_MARK: Final = re.compile(
    r"[\[({]?(?:\d{1,4}|[*†‡§¶#]{1,4}|[a-z]|[ivx]{1,6}|[↩↑^←]\ufe0e?)[\])}.:]?"
)
# Stands in a text where a link with such a mark was, until all pages are read.
MARK: Final = "\ufdd0"
# Longer elements that claim to be page numbers or marks were not closed, and hold text.
_MOST_INLINE_CHARS: Final = 40
# Bounds memory; no table of contents links to so many positions.
_MOST_PLACES: Final = 100_000
# Bounds the time that the search for notes takes.
_MOST_LINKS: Final = 100
# A place that the contents name cuts a paragraph, unless only the beginning of a heading is above.
_MOST_HEADING_CHARS: Final = 60
SCENE_BREAK: Final = "* * *"


@dataclass(slots=True)
class NoteLink:
    """A link whose text is that of a note's mark; `href` as written."""

    mark: str
    href: str


@dataclass(slots=True)
class PageBlock:
    """A paragraph or heading."""

    text: str
    # 1–6 for headings.
    level: int = 0
    # Where its links to other places of the book lead, and how many characters are links.
    links: list[str] = field(default_factory=list)
    linked_chars: int = 0
    # One for each `MARK` in the text.
    notes: list[NoteLink] = field(default_factory=list)


@dataclass(slots=True)
class Page:
    """A document."""

    blocks: list[PageBlock] = field(default_factory=list)
    # For each id the index of the block where it stands.
    places: dict[str, int] = field(default_factory=dict)
    # Words that are no text of the author, by reason.
    skipped: Counter[str] = field(default_factory=Counter)
    # Start, end and kind of each piece that is front or back matter if it is short.
    pieces: list[tuple[int, int, str]] = field(default_factory=list)


def read_page(source: str, max_blocks: int, targets: Collection[str] = ()) -> Page:
    """Return the text of a document; `targets` are the ids that the contents link to."""
    return read_markup(source, lambda: PageReader(max_blocks, targets)).page


class PageReader:
    """Collects text until a tag ends the block; keeps only counts, so nesting costs no memory."""

    def __init__(self, max_blocks: int, targets: Collection[str] = ()) -> None:
        self.page = Page()
        self._max_blocks = max_blocks
        self._targets = targets
        self._parts: list[str] = []
        self._anchors: list[tuple[str, int]] = []
        self._level = 0
        self._groups = 0
        self._preformatted = 0
        self._depth = 0
        # The outermost piece that is open: its depth, first block, and kind.
        self._piece: tuple[int, int, str] | None = None
        # While text is skipped: the reason, the open elements, and the text.
        self._reason = ""
        self._open = 0
        self._is_inline = False
        self._skipped: list[str] = []
        # The link that is open: its address, and the number of parts before it.
        self._link: tuple[str, int] | None = None
        self._links: list[str] = []
        self._linked_chars = 0
        self._notes: list[NoteLink] = []

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Begin a block, a link or a part that is skipped."""
        name = local_name(tag)
        self._depth += 1
        if attributes:
            for key in ("id", "name"):
                if place := attributes.get(key):
                    self._anchor(place)
        if self._reason:
            if not (self._is_inline and name in BLOCK_TAGS):
                self._open += 1
                return
            # The element was not closed: it ends with its paragraph.
            self._end_skipping()
        reason = reason_to_skip(name, attributes)
        if reason in MOST_WORDS:
            self._begin_piece(reason)
            reason = ""
        if reason:
            if name in BLOCK_TAGS:
                self.flush()
            self._reason, self._open = reason, 1
            self._is_inline = name not in BLOCK_TAGS and reason in INLINE_REASONS
        elif name in BLOCK_TAGS:
            self._block(name, 1)
        elif name == "br":
            self._parts.append("\n")
        elif name in ("td", "th"):
            self._parts.append(" ")
        elif name == "a":
            self._link = (attributes.get("href", ""), len(self._parts))
        elif name == "img" and len(letter := attributes.get("alt", "").strip()) == 1:
            # A drawn initial.
            self._parts.append(letter)

    def end(self, tag: str) -> None:
        """End a block, a link or a part that is skipped."""
        if self._reason:
            self._depth -= 1
            self._open -= 1
            if self._open <= 0:
                self._end_skipping()
            return
        name = local_name(tag)
        if name in BLOCK_TAGS:
            self._block(name, -1)
        if self._piece is not None and self._piece[0] == self._depth:
            self._end_piece()
        self._depth -= 1
        if name == "a" and self._link is not None:
            self._end_link(*self._link)
            self._link = None

    def data(self, text: str) -> None:
        """Take text, or count it if it is skipped."""
        if self._reason:
            self._skipped.append(text)
            if self._is_inline and sum(map(len, self._skipped)) > _MOST_INLINE_CHARS:
                self._parts += self._skipped
                self._skipped.clear()
                self._reason = ""
        elif self._preformatted:
            self._parts.append(text)
        else:
            self._parts.append(text.replace("\n", " ") if "\n" in text else text)

    def close(self) -> None:
        """End the last block."""
        if self._reason:
            self._end_skipping()
        self.flush()
        self._end_piece()

    def _begin_piece(self, kind: str) -> None:
        if self._piece is None:
            self.flush()
            self._piece = (self._depth, len(self.page.blocks), kind)

    def _end_piece(self) -> None:
        self.flush()
        if self._piece is not None:
            _, start, kind = self._piece
            self.page.pieces.append((start, len(self.page.blocks), kind))
            self._piece = None

    def _anchor(self, place: str) -> None:
        if place in self._targets and not self._level and not self._groups:
            if len("".join(self._parts)) > _MOST_HEADING_CHARS:
                self.flush()
        if len(self.page.places) + len(self._anchors) < _MOST_PLACES:
            self._anchors.append((place, len(self._parts)))

    def _end_skipping(self) -> None:
        text = "".join(self._skipped)
        if self._reason != NOT_COUNTED and (words := count_words(text)):
            self.page.skipped[self._reason] += words
        self._skipped.clear()
        self._reason = ""

    def _block(self, name: str, step: int) -> None:
        self.flush()
        if name in HEADING_LEVELS:
            self._level = HEADING_LEVELS[name] if step > 0 else 0
        elif name == "hgroup":
            self._groups = max(0, self._groups + step)
        elif name == "pre":
            self._preformatted = max(0, self._preformatted + step)
        elif name == "hr" and step > 0 and self.page.blocks:
            self.page.blocks.append(PageBlock(SCENE_BREAK))

    def _end_link(self, href: str, start: int) -> None:
        text = "".join(self._parts[start:]).strip()
        if not href or "://" in href or not text:
            return
        if len(self._notes) + len(self._links) >= _MOST_LINKS:
            return
        if "#" in href and _NOTE_MARK.fullmatch(text):
            self._parts[start:] = [MARK]
            self._notes.append(NoteLink(text, href))
        else:
            self._links.append(href)
            self._linked_chars += len(text)

    def flush(self) -> None:
        """End the block; without text there is none."""
        joined = "".join(self._parts)
        has_text = bool(joined.strip())
        index = len(self.page.blocks)
        for place, part in self._anchors:
            # An anchor at the end of a paragraph means the next one.
            is_last = has_text and part and not "".join(self._parts[part:]).strip()
            self.page.places.setdefault(place, index + 1 if is_last else index)
        self._anchors.clear()
        self._parts.clear()
        if not has_text:
            return
        text = _format(clean_text(joined), keeps_spaces=bool(self._preformatted))
        if text:
            level = self._level or (2 if self._groups else 0)
            block = PageBlock(text, level, self._links, self._linked_chars, self._notes)
            self.page.blocks.append(block)
            if len(self.page.blocks) > self._max_blocks:
                raise too_many("paragraphs", self._max_blocks)
        self._linked_chars = 0
        self._links, self._notes = [], []
        self._link = None


def _format(text: str, *, keeps_spaces: bool) -> str:
    if keeps_spaces:
        lines = [line.rstrip() for line in text.split("\n")]
    elif "\n" in text:
        lines = [" ".join(line.split()) for line in text.split("\n")]
    else:
        return " ".join(text.split())
    joined = re.sub(r"\n{3,}", "\n\n", "\n".join(lines).strip("\n"))
    return joined if joined.strip() else ""
