"""Names of parts of a book that are not numbered chapters."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from novels.parsing.heading_words import fold
from novels.parsing.section_words import CONTENTS_NAMES, UNNUMBERED_NAMES

# Written by the author: kept, at the beginning of the first chapter or the end of the last one.
# The names of all languages are in `section_words.py`; English has more ways to say them.
_NAMED: Final = re.compile(
    r"(?:(?:author['’]?s?['’]? |general |the )?"
    r"(?:preface|prologue|prelude|introduction|foreword|proem|epilogue|conclusion|afterword"
    r"|postscript|vorwort|prolog|epilog|nachwort|einleitung|préface|avant-propos|épilogue"
    r"|prólogo|epílogo|prefacio|prefazione|prologo|epilogo|пролог|эпилог|предисловие)"
    r"|author['’]s note|to the reader|interlude)\b(?:[.:,—–-].{0,60}|\s+(?:to|by|of)\s.{1,60})?",
    re.IGNORECASE,
)
# Made by the publisher, or only for navigation: dropped.
_DROPPED: Final = re.compile(
    r"(?:half[- ]?)?title[- ]?page|half[- ]?title|cover|imprint|colophon|(?:un)?copyright(?: page"
    r"| notice)?|(?:table of )?contents|endnotes|footnotes|notes|index|(?:list of )?illustrations"
    r"|about the (?:author|publisher)|also by .{1,60}|transcriber['’]?s['’]? notes?"
    r"|advertisements?|(?:the full )?project gutenberg.{0,3} licen[cs]e|(?:the full )?project "
    r"gutenberg.{0,80}|inhalt(?:sverzeichnis)?|table des matières|índice|indice|содержание",
    re.IGNORECASE,
)
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


def is_named(label: str) -> bool:
    """Return whether a heading is that of a preface, an epilogue or the like."""
    if len(label) > _MOST_LABEL_CHARS:
        return False
    name = fold(" ".join(label.split()).strip(_ORNAMENTS))
    return name in UNNUMBERED_NAMES or _is(_NAMED, label)


def is_dropped(label: str) -> bool:
    """Return whether a heading is that of a title page, a table of contents, notes or the like."""
    return _is(_DROPPED, label)


def is_back_matter(label: str) -> bool:
    """Return whether a heading after the last chapter begins text that the author did not write."""
    return _is(_BACK, label)


def is_contents(label: str) -> bool:
    """Return whether a heading is that of a table of contents."""
    return len(label) <= _MOST_LABEL_CHARS and (
        fold(" ".join(label.split()).strip(_ORNAMENTS)) in CONTENTS_NAMES
    )


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


def is_imprint(paragraphs: Iterable[str]) -> bool:
    """Return whether a page is about rights and printing: short, with the words for it."""
    text = "\n".join(paragraphs)
    return len(text) < 4_000 and bool(_IMPRINT.search(text))
