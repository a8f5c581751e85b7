"""Compare what a file has with what was kept: nothing disappears without a warning."""

from collections.abc import Sequence
from typing import Final

from novels.parsing.model import LeftOut, ParsedChapter, ParseWarning

# Line ends, page numbers and headings are counted a little differently before and after.
_TOLERATED_SHARE: Final = 0.02
# A status shows a few names; `left_out` has all.
_MOST_NAMES: Final = 20
_MOST_NAME_CHARS: Final = 60


def find_losses(
    chapters: Sequence[ParsedChapter],
    left_out: Sequence[LeftOut],
    *,
    words: int,
    documents: int = 0,
) -> tuple[ParseWarning, ...]:
    """Return a warning for each kind of loss.

    Args:
        words: How many words should be in the chapters: all but titles and what was left out.
        documents: How many documents an EPUB has.
    """
    warnings: list[ParseWarning] = []
    if whole := [part for part in left_out if part.is_document]:
        detail = f"{len(whole)} of {documents} documents left out: {_names(whole)}."
        warnings.append(ParseWarning("documents_left_out", detail))
    if passages := [part for part in left_out if not part.is_document]:
        detail = f"Left out: {_names(passages)}."
        warnings.append(ParseWarning("passages_left_out", detail))
    warnings += _lost_words(chapters, words)
    empty = [f"{number}" for number, chapter in enumerate(chapters, 1) if not chapter.content]
    if empty:
        numbers = ", ".join(empty[:_MOST_NAMES])
        warnings.append(ParseWarning("empty_chapter", f"Chapters without text: {numbers}."))
    return tuple(warnings)


def _lost_words(chapters: Sequence[ParsedChapter], words: int) -> list[ParseWarning]:
    lost = words - sum(chapter.word_count for chapter in chapters)
    if lost <= words * _TOLERATED_SHARE:
        return []
    detail = f"{lost:,} of {words:,} words are in no chapter. Compare the novel with its file."
    return [ParseWarning("words_lost", detail)]


def _names(left_out: Sequence[LeftOut]) -> str:
    names = [
        f"{part.name[-_MOST_NAME_CHARS:]} ({part.reason[:_MOST_NAME_CHARS]})"
        for part in left_out[:_MOST_NAMES]
    ]
    more = len(left_out) - _MOST_NAMES
    return ", ".join(names) + (f" and {more} more" if more > 0 else "")
