"""All pages of an EPUB as one run of blocks, and what of them was left out."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from urllib.parse import unquote

from novels.parsing.epub.archive import resolve
from novels.parsing.epub.page import Page, PageBlock
from novels.parsing.epub.vocabulary import MOST_WORDS
from novels.parsing.model import LeftOut, ParseError, count_words
from novels.parsing.publishers import boilerplate_indexes


class Reading:
    """Blocks in reading order; a dropped block has no text but keeps its index."""

    def __init__(self, pages: Mapping[str, Page]) -> None:
        self.blocks: list[PageBlock] = []
        # Index of the first block of each document, in reading order.
        self.starts: dict[str, int] = {}
        self._places: dict[tuple[str, str], int] = {}
        self._skipped: dict[str, Counter[str]] = defaultdict(Counter)
        pieces: list[tuple[int, int, str]] = []
        for name, page in pages.items():
            start = len(self.blocks)
            self.starts[name] = start
            for key, place in page.places.items():
                self._places[name, key] = start + place
            self.blocks += page.blocks
            self._skipped[name].update(page.skipped)
            pieces += ((start + first, start + end, kind) for first, end, kind in page.pieces)
        self._names = list(self.starts)
        self._ends = [*list(self.starts.values()), len(self.blocks)][1:]
        for index in boilerplate_indexes([block.text for block in self.blocks]):
            self.drop(index, index + 1, "text of Project Gutenberg")
        for first, end, kind in pieces:
            if self.words(first, end) <= MOST_WORDS[kind]:
                self.drop(first, end, kind)

    def place(self, document: str, fragment: str) -> int | None:
        """Return the index of the block that a link means, None outside of the spine."""
        start = self.starts.get(document)
        return start if start is None else self._places.get((document, fragment), start)

    def link_target(self, index: int, href: str) -> int | None:
        """Return the index of the block to which a link in block `index` leads."""
        document = self._names[self._document(index)]
        path, _, fragment = href.partition("#")
        try:
            name = resolve(document, path)
        except ParseError:
            return None
        return self._places.get((name, unquote(fragment))) if fragment else self.starts.get(name)

    def opens_document(self, index: int) -> bool:
        """Return whether a block is the first one of its document."""
        return self.starts[self._names[self._document(index)]] == index

    def spans(self) -> Iterator[tuple[str, int, int]]:
        """Yield each document with the index of its first block and that after its last one."""
        yield from zip(self._names, self.starts.values(), self._ends, strict=True)

    def document_end(self, index: int) -> int:
        """Return the index after the last block of the document that has block `index`."""
        return self._ends[self._document(index)] if self._ends else 0

    def drop(self, start: int, end: int, reason: str) -> None:
        """Empty the blocks from `start` to before `end`, and count their words."""
        for index in range(start, end):
            if text := self.blocks[index].text:
                name = self._names[self._document(index)]
                self._skipped[name][reason] += count_words(text)
                self.blocks[index].text = ""

    def words(self, start: int, end: int) -> int:
        """Return the number of words from block `start` to before `end`."""
        return sum(count_words(block.text) for block in self.blocks[start:end])

    def left_out(self) -> list[LeftOut]:
        """Return the documents without text, and the passages left out of the others."""
        documents: list[LeftOut] = []
        passages: Counter[str] = Counter()
        for name, start, end in self.spans():
            skipped = self._skipped[name]
            if any(block.text for block in self.blocks[start:end]):
                passages.update(skipped)
            else:
                [(reason, _)] = skipped.most_common(1) or [("no text", 0)]
                documents.append(LeftOut(name, reason, skipped.total(), is_document=True))
        return documents + [
            LeftOut(reason, f"{words} words", words) for reason, words in passages.items() if words
        ]

    def _document(self, index: int) -> int:
        """Return the number of the document of a block; documents without blocks have none."""
        return min(bisect_right(self._ends, index), len(self._ends) - 1)
