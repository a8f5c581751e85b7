"""Compare what a file has with what was kept: nothing disappears without a warning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from novels.parsing.model import LeftOut, ParsedChapter, ParseWarning

# Line ends, page numbers and headings are counted a little differently before and after.
_TOLERATED_SHARE: Final = 0.02
# A status shows a few names; `left_out` has all.
_MOST_NAMES: Final = 20


def find_losses(
    chapters: Sequence[ParsedChapter],
    left_out: Sequence[LeftOut],
    *,
    words: int,
    documents: int | None = None,
) -> tuple[ParseWarning, ...]:
    """Return a warning for each kind of loss.

    Args:
        words: How many words the file has.
        documents: How many documents an EPUB has; None for a text, which has passages.
    """
    warnings: list[ParseWarning] = []
    if left_out and documents is None:
        detail = f"Left out: {_names(left_out)}."
        warnings.append(ParseWarning("passages_left_out", detail))
    elif left_out:
        detail = f"{len(left_out)} of {documents} documents left out: {_names(left_out)}."
        warnings.append(ParseWarning("documents_left_out", detail))
    warnings += _lost_words(chapters, left_out, words)
    empty = [f"{number}" for number, chapter in enumerate(chapters, 1) if not chapter.content]
    if empty:
        numbers = ", ".join(empty[:_MOST_NAMES])
        warnings.append(ParseWarning("empty_chapter", f"Chapters without text: {numbers}."))
    return tuple(warnings)


def _lost_words(
    chapters: Sequence[ParsedChapter], left_out: Sequence[LeftOut], words: int
) -> list[ParseWarning]:
    kept = sum(chapter.word_count for chapter in chapters)
    lost = words - kept - sum(part.words for part in left_out)
    if lost <= words * _TOLERATED_SHARE:
        return []
    detail = f"{lost:,} of {words:,} words are in no chapter. Compare the novel with its file."
    return [ParseWarning("words_lost", detail)]


def _names(left_out: Sequence[LeftOut]) -> str:
    names = [f"{part.name} ({part.reason})" for part in left_out[:_MOST_NAMES]]
    more = len(left_out) - _MOST_NAMES
    return ", ".join(names) + (f" and {more} more" if more > 0 else "")
