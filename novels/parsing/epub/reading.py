"""All pages of an EPUB as one run of blocks."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping

from novels.parsing.epub.page import Page, PageBlock
from novels.parsing.gutenberg import boilerplate_indexes
from novels.parsing.sections import is_dropped, is_imprint


class Reading:
    """Blocks in reading order; a dropped block has no text but keeps its index.

    Attributes:
        starts: Index of the first block of each document.
    """

    def __init__(self, pages: Mapping[str, Page]) -> None:
        self.blocks: list[PageBlock] = []
        self.starts: dict[str, int] = {}
        self._places: dict[tuple[str, str], int] = {}
        for name, page in pages.items():
            start = len(self.blocks)
            self.starts[name] = start
            for key, place in page.places.items():
                self._places[name, key] = start + place
            self.blocks += page.blocks
        for index in boilerplate_indexes([block.text for block in self.blocks]):
            self.blocks[index].text = ""
        self._drop_publishers_pages()

    def place(self, document: str, fragment: str) -> int | None:
        """Return the index of the block that a link means, None outside of the spine."""
        start = self.starts.get(document)
        return start if start is None else self._places.get((document, fragment), start)

    def document_end(self, index: int) -> int:
        """Return the index after the last block of the document that has block `index`."""
        ends = [*self.starts.values(), len(self.blocks)]
        return ends[min(bisect_right(ends, index), len(ends) - 1)]

    def drop(self, start: int, end: int) -> None:
        """Empty the blocks from `start` to before `end`."""
        for block in self.blocks[start:end]:
            block.text = ""

    def _drop_publishers_pages(self) -> None:
        """Drop documents headed "Contents" or the like, and short ones about rights in front."""
        starts = [*self.starts.values(), len(self.blocks)]
        in_front = True
        for start, end in zip(starts, starts[1:], strict=False):
            blocks = [block for block in self.blocks[start:end] if block.text]
            if not blocks:
                continue
            headed = blocks[0].level > 0 and is_dropped(blocks[0].text)
            if headed or (in_front and is_imprint([block.text for block in blocks])):
                self.drop(start, end)
            elif any(len(block.text) > 200 for block in blocks):
                in_front = False
