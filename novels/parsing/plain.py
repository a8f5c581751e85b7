"""Plain text files."""

from __future__ import annotations

from collections.abc import Callable

from novels.parsing.assembly import assemble
from novels.parsing.decoding import decode_text
from novels.parsing.gutenberg import is_boilerplate, split_front
from novels.parsing.limits import Limits
from novels.parsing.model import ParsedNovel
from novels.parsing.outline import outline
from novels.parsing.paragraphs import Block, split_blocks


def parse_plain(
    data: bytes, *, limits: Limits, progress: Callable[[str, int], None]
) -> ParsedNovel:
    """Return the novel in a text file.

    Raises:
        ParseError: Not text, no text, or too many chapters.
    """
    progress("decoding", 0)
    text = decode_text(data)
    progress("reading", 20)
    front = split_front(text)
    blocks = split_blocks(front.body, limits.max_paragraphs)
    if front.is_gutenberg:
        blocks = _without_boilerplate(blocks)
    progress("splitting", 40)
    chapters = assemble(outline(blocks, limits), fallback_title=front.title, limits=limits)
    progress("splitting", 100)
    return ParsedNovel(front.title, front.author, front.language, chapters)


def _without_boilerplate(blocks: list[Block]) -> list[Block]:
    return [
        block
        for index, block in enumerate(blocks)
        if not is_boilerplate(" ".join(block[:40]), leading=index < 8)
    ]
