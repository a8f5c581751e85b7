"""Split lines into blocks and paragraphs: hard-wrapped prose is joined, verse is not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from novels.parsing.errors import ParseError

Block = tuple[str, ...]

# A paragraph typed as one line; such files need no blank lines between paragraphs.
_LONG_LINE_CHARS: Final = 120
_DEFAULT_WIDTH: Final = 70
_ILLUSTRATION: Final = re.compile(r"\[Illustrations?(?::[^\[\]]{0,1000})?\]", re.IGNORECASE)
_BLANK_LINES: Final = re.compile(r"\n[ \n]*\n")
_SPACES: Final = re.compile(" {2,}")
_EMPHASIS: Final = re.compile(r"(?<![\w_])_([^_]{1,4000})_(?![\w_])")


def split_blocks(text: str, max_blocks: int) -> list[Block]:
    """Return runs of lines that have text, pictures' captions removed; a long line stands alone.

    Raises:
        ParseError: More than `max_blocks` of them.
    """
    text = _BLANK_LINES.sub("\n\n", _ILLUSTRATION.sub("", text))
    if text.count("\n\n") > max_blocks:
        raise too_many_paragraphs(max_blocks)
    blocks: list[Block] = []
    run: list[str] = []
    for line in text.split("\n"):
        line = line.rstrip()
        if run and (not line or len(line) > _LONG_LINE_CHARS):
            blocks.append(tuple(run))
            run = []
        if len(line) > _LONG_LINE_CHARS:
            blocks.append((line,))
        elif line:
            run.append(line)
    if run:
        blocks.append(tuple(run))
    return blocks


def too_many_paragraphs(limit: int) -> ParseError:
    """Return the refusal of a text that is cut into too many pieces."""
    return ParseError(
        "too_large", f"The file has more than {limit} paragraphs. Split it into several files."
    )


def wrap_width(blocks: Sequence[Block]) -> int:
    """Return the column at which the file wraps its lines."""
    lengths = sorted(len(line) for block in blocks if len(block) > 2 for line in block)
    return max(40, lengths[len(lengths) * 9 // 10]) if lengths else _DEFAULT_WIDTH


def reflow(block: Block, width: int) -> list[str]:
    """Return the paragraphs of a block; verse, addresses and tables keep their lines."""
    if len(block) == 1:
        return [_plain(block[0])]
    if keeps_lines(block, width):
        margin = min(len(line) - len(line.lstrip()) for line in block)
        return [_plain("\n".join(line[margin:] for line in block))]
    return [_plain(paragraph) for paragraph in _join_lines(block)]


def keeps_lines(block: Block, width: int) -> bool:
    """Return whether the author chose the line ends, not the page width."""
    breaks = len(block) - 1
    wanted = sum(
        chars_with_next_word(line, after) <= width * 0.8
        for line, after in zip(block, block[1:], strict=False)
    )
    if all(line.startswith("  ") for line in block):
        margins = {len(line) - len(line.lstrip()) for line in block[1:]}
        return len(margins) > 1 or wanted * 5 > breaks
    return wanted * 2 >= breaks and breaks > 0


def chars_with_next_word(line: str, after: str) -> int:
    """Return how long a line would be with the first word of the next one.

    That may be empty: between two <br> in a paragraph.
    """
    first, *_ = after.split(None, 1) or [""]
    return len(line) + 1 + len(first)


def _join_lines(block: Block) -> list[str]:
    """Join wrapped lines; an indented line after a full one opens a paragraph."""
    paragraphs: list[list[str]] = []
    before = "  "
    for line in block:
        if not before.startswith("  ") and line.startswith("  ") or not paragraphs:
            paragraphs.append([])
        paragraphs[-1].append(line.strip())
        before = line
    return [_join(lines) for lines in paragraphs]


def _join(lines: list[str]) -> str:
    """Join by spaces, but a word that ends in a dash goes on without one."""
    parts = [lines[0]]
    for before, line in zip(lines, lines[1:], strict=False):
        dashed = before.endswith(("--", "—")) or re.search(r"\w-$", before)
        parts.append(line if dashed else f" {line}")
    return "".join(parts)


def _plain(paragraph: str) -> str:
    """Drop the underscores that stand for italics, and spaces at the ends of lines."""
    plain = _EMPHASIS.sub(r"\1", paragraph)
    lines = [line.rstrip() for line in plain.strip("\n").split("\n")]
    return "\n".join(lines) if len(lines) > 1 else _SPACES.sub(" ", plain).strip()
