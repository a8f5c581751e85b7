"""Split lines into blocks and paragraphs: hard-wrapped prose is joined, verse is not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from novels.parsing.headings import parse_heading
from novels.parsing.model import too_many

Block = tuple[str, ...]

# A paragraph typed as one line; such files need no blank lines between paragraphs.
_LONG_LINE_CHARS: Final = 120
_DEFAULT_WIDTH: Final = 70
# A wrapped line is longer.
_SHORT_LINE_CHARS: Final = 40
# Fewer lines decide nothing about the layout of a file.
_FEWEST_LINES: Final = 10
# Of wrapped lines every tenth ends a sentence; of paragraphs typed as one line nearly all do.
_PARAGRAPH_LINES: Final = 0.6
# Indented lines that open paragraphs follow the end of a sentence; verse does less.
_FIRST_LINES: Final = 0.6
_MOST_GAP: Final = 255
_SENTENCE_END: Final = tuple('.!?…:"”’»)]*_。！？」』）】—~～؟।')
_CJK: Final = "\u2e80-\u2fdf\u3000-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef"
_IS_CJK: Final = re.compile(f"[{_CJK}]")
# Chinese and Western texts share these.
_SHARED_QUOTES: Final = tuple("“”‘’…—")
_ILLUSTRATION: Final = re.compile(r"\[Illustrations?(?::[^\[\]]{0,1000})?\]", re.IGNORECASE)
_SPACES: Final = re.compile(" {2,}")
_EMPHASIS: Final = re.compile(r"(?<![\w_])_([^_]{1,4000})_(?![\w_])")


class Layout(NamedTuple):
    """A text in blocks, and the captions of pictures, which are in no block."""

    # Runs of lines that belong together: a paragraph, a stanza, a heading.
    blocks: list[Block]
    # How many blank lines stand above each block, at most 255.
    gaps: bytearray
    captions: list[str]


def lay_out(text: str, max_blocks: int) -> Layout:
    """Cut a text at blank lines, long lines, first lines of paragraphs and headings."""
    layout = Layout([], bytearray(), _ILLUSTRATION.findall(text))
    if layout.captions:
        text = _ILLUSTRATION.sub("", text)
    lines = [line.rstrip() for line in text.split("\n")]
    cut_all, cut_indented = _style(lines)
    run: list[str] = []
    gap = 0
    for line in lines:
        if run and (
            not line
            or cut_all
            or len(line) > _LONG_LINE_CHARS
            or len(run[-1]) > _LONG_LINE_CHARS
            or (cut_indented and line[0].isspace() and run[-1].endswith(_SENTENCE_END))
            or _is_heading_in_run(run[-1], line)
            or (len(run) == 1 and _is_heading_above(run[0], line))
        ):
            _append(layout, run, gap, max_blocks)
            run, gap = [], 0
        if line:
            run.append(line)
        else:
            gap += 1
    if run:
        _append(layout, run, gap, max_blocks)
    return layout


def _append(layout: Layout, run: list[str], gap: int, max_blocks: int) -> None:
    if len(layout.blocks) >= max_blocks:
        raise too_many("paragraphs", max_blocks)
    layout.blocks.append(tuple(run))
    layout.gaps.append(min(gap, _MOST_GAP))


def _style(lines: Sequence[str]) -> tuple[bool, bool]:
    """Return whether each line is a paragraph, and whether indented lines open paragraphs."""
    inner = ended = indented = opened = 0
    before = ""
    for line in lines:
        if line and before:
            inner += 1
            is_end = before.endswith(_SENTENCE_END)
            ended += is_end
            if line[0].isspace():
                indented += 1
                opened += is_end
        before = line
    if inner < _FEWEST_LINES:
        return False, False
    return (
        ended >= inner * _PARAGRAPH_LINES,
        inner >= indented * 2 >= _FEWEST_LINES and opened >= indented * _FIRST_LINES,
    )


def _is_heading_in_run(before: str, line: str) -> bool:
    """Return whether a line is a heading although no blank line stands above it."""
    if line.lstrip()[:1].islower():
        return False
    ends_early = before.endswith(_SENTENCE_END) or len(before) <= _SHORT_LINE_CHARS
    if not ends_early and not line.isupper():
        return False
    head = parse_heading(line)
    if head is None or head.kind == "bare" or head.number is None:
        return False
    return not head.title or before.endswith(_SENTENCE_END)


def _is_heading_above(line: str, after: str) -> bool:
    """Return whether the first line of a run is a heading, and an indented paragraph follows."""
    if line[0].isspace() or not after[:1].isspace():
        return False
    head = parse_heading(line)
    return head is not None and head.kind != "bare"


def wrap_width(blocks: Sequence[Block]) -> int:
    """Return the column at which the file wraps its lines."""
    lengths = sorted(len(line) for block in blocks if len(block) > 2 for line in block)
    if not lengths:
        return _DEFAULT_WIDTH
    sample = next(block[0] for block in blocks if len(block) > 2)
    # Chinese and Japanese characters are twice as wide.
    return max(15 if _IS_CJK.match(sample[-1]) else 40, lengths[len(lengths) * 9 // 10])


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

    That may be empty: between two <br> in a paragraph. Chinese and Japanese wrap anywhere.
    """
    if _IS_CJK.match(after.lstrip()):
        return len(line) + 1
    first, *_ = after.split(None, 1) or [""]
    return len(line) + 1 + len(first)


def _join_lines(block: Block) -> list[str]:
    """Join wrapped lines; an indented line after a full one opens a paragraph."""
    paragraphs: list[list[str]] = []
    before = "  "
    for line in block:
        if not _is_indented(before) and _is_indented(line) or not paragraphs:
            paragraphs.append([])
        paragraphs[-1].append(line.strip())
        before = line
    return [_join(lines) for lines in paragraphs]


def _is_indented(line: str) -> bool:
    return line.startswith(("  ", "\u3000"))


def _join(lines: list[str]) -> str:
    """Join by spaces, but not behind a dash, nor in Chinese and Japanese."""
    parts = [lines[0]]
    for before, line in zip(lines, lines[1:], strict=False):
        dashed = before.endswith(("--", "—")) or (before.endswith("-") and before[-2:-1].isalnum())
        parts.append(line if dashed or _has_no_space(before, line) else f" {line}")
    return "".join(parts)


def _has_no_space(before: str, line: str) -> bool:
    """Return whether a line ends inside of a Chinese or Japanese sentence."""
    if _IS_CJK.match(before[-1:]):
        return bool(_IS_CJK.match(line)) or line.startswith(_SHARED_QUOTES)
    return bool(_IS_CJK.match(line)) and before.endswith(_SHARED_QUOTES)


def _plain(paragraph: str) -> str:
    """Drop the underscores that stand for italics, and spaces at the ends of lines."""
    plain = _EMPHASIS.sub(r"\1", paragraph) if "_" in paragraph else paragraph
    lines = [line.rstrip() for line in plain.strip("\n").split("\n")]
    return "\n".join(lines) if len(lines) > 1 else _SPACES.sub(" ", plain).strip()
