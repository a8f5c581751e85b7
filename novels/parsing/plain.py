"""Plain text files."""

from __future__ import annotations

from collections.abc import Callable

from novels.parsing.assembly import assemble, find_losses
from novels.parsing.decoding import REPLACEMENT, decode_text
from novels.parsing.languages import detect_language
from novels.parsing.model import LeftOut, Limits, ParsedNovel, ParseWarning, count_words
from novels.parsing.outline import find_chapters
from novels.parsing.paragraphs import Layout, lay_out
from novels.parsing.publishers import Front, is_boilerplate, split_aozora, split_front


def parse_plain(
    data: bytes, *, limits: Limits, progress: Callable[[str, int], None]
) -> ParsedNovel:
    """Return the novel in a text file."""
    progress("decoding", 0)
    text = decode_text(data)
    progress("reading", 20)
    front, left_out = _split_front(text)
    words = count_words(front.body)
    around = len(left_out)
    layout = lay_out(front.body, limits.max_paragraphs)
    left_out += _make_left_out("captions", "of pictures", count_words(" ".join(layout.captions)))
    if front.is_gutenberg:
        layout, credits = _without_boilerplate(layout)
        left_out += _make_left_out(
            "credits", "of Project Gutenberg", count_words(" ".join(credits))
        )
    progress("splitting", 40)
    outline = find_chapters(layout.blocks, layout.gaps, limits)
    left_out += outline.left_out
    chapters = assemble(outline.sections, fallback_title=front.title, limits=limits)
    language = front.language or detect_language(front.body)
    words -= outline.heading_words + sum(part.words for part in left_out[around:])
    warnings = (*_undecodable(text), *find_losses(chapters, left_out, words=words))
    progress("splitting", 100)
    return ParsedNovel(front.title, front.author, language, chapters, tuple(left_out), warnings)


def _split_front(text: str) -> tuple[Front, list[LeftOut]]:
    """Return the text without what its publisher added, and what that was."""
    if front := split_aozora(text):
        dropped = count_words(text) - count_words(front.body)
        return front, _make_left_out("readings and colophon", "of Aozora Bunko", dropped)
    front = split_front(text)
    # Lines such as "Author: …" without them are in the novel's fields.
    dropped = count_words(front.around)
    return front, _make_left_out("header and licence", "of Project Gutenberg", dropped)


def _make_left_out(name: str, reason: str, words: int) -> list[LeftOut]:
    return [LeftOut(name, reason, words)] if words > 0 else []


def _without_boilerplate(layout: Layout) -> tuple[Layout, list[str]]:
    kept = Layout([], bytearray(), layout.captions)
    dropped: list[str] = []
    for index, (block, gap) in enumerate(zip(layout.blocks, layout.gaps, strict=True)):
        if is_boilerplate(" ".join(block[:40]), leading=index < 8):
            dropped += block
        else:
            kept.blocks.append(block)
            kept.gaps.append(gap)
    return kept, dropped


def _undecodable(text: str) -> list[ParseWarning]:
    count = text.count(REPLACEMENT)
    if not count:
        return []
    detail = f"{count:,} characters could not be decoded; each is shown as {REPLACEMENT}."
    return [ParseWarning("undecodable_bytes", detail)]
