"""Names of parts of a book that are not numbered chapters."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from novels.parsing.heading_words import fold
from novels.parsing.languages import LANGUAGES, WORDS

# Written by the author: kept, at the beginning of the first chapter or the end of the last one.
_UNNUMBERED: Final = frozenset(
    fold(name) for words in LANGUAGES.values() for name in words.get("unnumbered", ())
)
# English and others have more ways to say them.
_NAMED: Final = re.compile(
    r"(?:(?:author['’]?s?['’]? |general |the )?"
    r"(?:preface|prologue|prelude|introduction|foreword|proem|epilogue|conclusion|afterword"
    r"|postscript|vorwort|prolog|epilog|nachwort|einleitung|préface|avant-propos|épilogue"
    r"|prólogo|epílogo|prefacio|prefazione|prologo|epilogo|пролог|эпилог|предисловие)"
    r"|author['’]s note|to the reader|interlude)\b(?:[.:,—–-].{0,60}|\s+(?:to|by|of)\s.{1,60})?",
    re.IGNORECASE,
)
_CONTENTS: Final = frozenset(map(fold, WORDS["contents"]))
_BACK: Final = re.compile(
    r"transcriber['’]?s['’]? notes?|notes? (?:du|de la) transcript(?:ion|eur)"
    r"|(?:end|foot)notes|fu(?:ß|ss)noten|anmerkungen|notas|voetnoten|index|底本.{0,40}",
    re.IGNORECASE,
)
_IMPRINT: Final = re.compile(
    r"copyright|all rights reserved|printed (?:in|by|at)|published|publisher|\bisbn\b|transcriber"
    r"|proofread|\bpublishing\b|first edition|this e-?(?:book|text)|www\.|https?:",
    re.IGNORECASE,
)
_ORNAMENTS: Final = "#*_=~ -—–|[]:."
# With the spaces that centre it, and ornaments; the patterns allow some 100 beside these.
_MOST_LABEL_CHARS: Final = 1_000
# Title pages have short lines; a line of prose is longer than this and ends like a sentence.
_PROSE_CHARS: Final = 60
# Chinese and Japanese say as much in a third of the characters.
_CJK_PROSE_CHARS: Final = 20
_CJK_ENDS: Final = tuple("。！？」』")


def _is(pattern: re.Pattern[str], label: str) -> bool:
    """Return whether a label is what a pattern describes; a long line is text."""
    return len(label) <= _MOST_LABEL_CHARS and bool(pattern.fullmatch(label.strip(_ORNAMENTS)))


def _is_in(names: frozenset[str], label: str) -> bool:
    return len(label) <= _MOST_LABEL_CHARS and (
        fold(" ".join(label.split()).strip(_ORNAMENTS)) in names
    )


def is_named(label: str) -> bool:
    """Return whether a heading is that of a preface, an epilogue or the like."""
    return _is_in(_UNNUMBERED, label) or _is(_NAMED, label)


def is_back_matter(label: str) -> bool:
    """Return whether a heading after the last chapter begins text that the author did not write."""
    return _is(_BACK, label)


def is_contents(label: str) -> bool:
    """Return whether a heading is that of a table of contents."""
    return _is_in(_CONTENTS, label)


def without_title_page(paragraphs: Iterable[str]) -> list[str]:
    """Return paragraphs from the first that is prose or the heading of a preface."""
    remaining = list(paragraphs)
    for index, paragraph in enumerate(remaining):
        if is_named(paragraph) or (_is_prose(paragraph) and not _IMPRINT.search(paragraph)):
            return remaining[index:]
    return []


def _is_prose(paragraph: str) -> bool:
    if paragraph.endswith(_CJK_ENDS) and len(paragraph) >= _CJK_PROSE_CHARS:
        return True
    text = paragraph.rstrip("_*\"'”’)» ")
    return len(text) >= _PROSE_CHARS and "\n" not in text and text[-1] in ".!?…:;—-。！？؟।"
