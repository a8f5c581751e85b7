"""Split one XHTML document into blocks of text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from novels.parsing.epub.markup import Tag, read_markup
from novels.parsing.paragraphs import too_many_paragraphs

_BLOCK_TAGS: Final = frozenset(
    "address article aside blockquote body center dd div dl dt figcaption figure footer h1 h2 h3 "
    "h4 h5 h6 header hgroup hr li main ol p pre section table tbody tr ul".split()
)
_HEADING_TAGS: Final = {f"h{level}": level for level in range(1, 7)}
_SKIPPED_TAGS: Final = frozenset(
    "head script style svg math nav template rt rp audio video".split()
)
# Parts of a page, by epub:type or role, that are not the author's text.
_SKIPPED_TYPES: Final = frozenset(
    "cover titlepage halftitlepage imprint colophon copyright-page toc landmarks page-list loi lot "
    "endnotes endnote rearnotes rearnote footnotes footnote noteref backlink pagebreak index "
    "other-credits".split()
)
_SKIPPED_CLASSES: Final = frozenset(
    "pagenum pageno page-number pg-boilerplate pgheader noteref footnote-ref".split()
)
_SKIPPED_IDS: Final = frozenset({"pg-header", "pg-footer", "pg-machine-header"})
_NOTE_LINK: Final = re.compile(r"[^#]*#(?:_?(?:foot|end|rear)?note|fn|en\d|ftn)", re.IGNORECASE)
_NOTE_MARK: Final = re.compile(r"[\[(]?(?:\d{1,3}|[*†‡§]{1,3}|[a-z])[\])]?")
# Bounds memory; no table of contents links to so many positions.
_MOST_PLACES: Final = 100_000
SCENE_BREAK: Final = "* * *"


@dataclass(slots=True)
class PageBlock:
    """A paragraph or heading; `level` is 1–6 for headings, else 0."""

    text: str
    level: int = 0


@dataclass(slots=True)
class Page:
    """A document: its blocks, and for each id the index of the block where it stands."""

    blocks: list[PageBlock] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)


def read_page(data: bytes, max_blocks: int) -> Page:
    """Return the text of a document without notes, navigation, title page and the like.

    Raises:
        ParseError: More than `max_blocks` blocks.
    """
    reader = _Reader()
    for token in read_markup(data):
        if isinstance(token, str):
            reader.text(token)
        else:
            reader.tag(token)
        if len(reader.page.blocks) > max_blocks:
            raise too_many_paragraphs(max_blocks)
    reader.flush()
    return reader.page


class _Reader:
    """Collects text until a tag ends the block; keeps only counts, so nesting costs no memory."""

    def __init__(self) -> None:
        self.page = Page()
        self._parts: list[str] = []
        self._level = 0
        self._groups = 0
        self._preformatted = 0
        # While text is skipped: the tag that began it, and the number of open tags of that name.
        self._skipping = ""
        self._open = 0
        # A link may be the mark of a note, which shows at its end.
        self._link_start: int | None = None

    def text(self, text: str) -> None:
        if not self._skipping:
            self._parts.append(text if self._preformatted else re.sub(r"\s+", " ", text))

    def tag(self, tag: Tag) -> None:
        if tag.is_start and (name := tag.attributes.get("id") or tag.attributes.get("name")):
            if len(self.page.places) < _MOST_PLACES:
                self.page.places.setdefault(name, len(self.page.blocks))
        if self._skipping:
            if tag.name == self._skipping:
                self._open += tag.is_start - tag.is_end
                if self._open <= 0:
                    self._skipping = ""
            return
        if tag.is_start and not tag.is_end and _is_skipped(tag):
            self._skipping, self._open = tag.name, 1
            return
        if tag.name in _BLOCK_TAGS:
            self._block(tag)
        elif tag.name == "br":
            self._parts.append("\n")
        elif tag.name in ("td", "th"):
            self._parts.append(" ")
        elif tag.name == "a":
            self._link(tag)

    def _block(self, tag: Tag) -> None:
        self.flush()
        step = tag.is_start - tag.is_end
        if tag.name in _HEADING_TAGS:
            self._level = _HEADING_TAGS[tag.name] if step > 0 else 0
        elif tag.name == "hgroup":
            self._groups = max(0, self._groups + step)
        elif tag.name == "pre":
            self._preformatted = max(0, self._preformatted + step)
        elif tag.name == "hr" and self.page.blocks:
            self.page.blocks.append(PageBlock(SCENE_BREAK))

    def _link(self, tag: Tag) -> None:
        if tag.is_start and not tag.is_end:
            is_note = bool(_NOTE_LINK.match(tag.attributes.get("href", "")))
            self._link_start = len(self._parts) if is_note else None
        elif tag.is_end and self._link_start is not None:
            mark = "".join(self._parts[self._link_start :]).strip()
            if _NOTE_MARK.fullmatch(mark):
                del self._parts[self._link_start :]
            self._link_start = None

    def flush(self) -> None:
        """End the block; without text there is none."""
        if not self._parts:
            return
        lines = [
            line.rstrip() if self._preformatted else " ".join(line.split())
            for line in "".join(self._parts).split("\n")
        ]
        text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines).strip("\n"))
        self._parts.clear()
        self._link_start = None
        if text.strip():
            level = self._level or (2 if self._groups else 0)
            self.page.blocks.append(PageBlock(text, level))


def _is_skipped(tag: Tag) -> bool:
    attributes = tag.attributes
    if not attributes:
        return tag.name in _SKIPPED_TAGS
    return (
        tag.name in _SKIPPED_TAGS
        or not _SKIPPED_TYPES.isdisjoint(tag.types)
        or not _SKIPPED_CLASSES.isdisjoint(attributes.get("class", "").lower().split())
        or attributes.get("id") in _SKIPPED_IDS
        or "hidden" in attributes
    )
