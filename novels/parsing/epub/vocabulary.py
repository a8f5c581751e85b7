"""Names of elements, types and classes that tell what a piece of an EPUB is."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from novels.parsing.epub.markup import local_name

# Those of XHTML, and of DTBook (Daisy).
BLOCK_TAGS: Final = frozenset(
    "address article aside blockquote body caption center dd details div dl dt fieldset figcaption "
    "figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr li main nav ol p pre section summary "
    "table tbody text tfoot thead tr ul book frontmatter bodymatter rearmatter level level1 "
    "level2 level3 level4 level5 level6 levelhd doctitle docauthor hd line linegroup list poem "
    "sidebar note prodnote byline dateline epigraph".split()
)
HEADING_LEVELS: Final = {
    **{f"h{level}": level for level in range(1, 7)},
    **{"doctitle": 1, "levelhd": 2, "hd": 2},
}

# Why a piece is left out, and the names that tell.
_FILE: Final = Path(__file__).with_name("matter.toml")
_REASONS: Final[dict[str, dict[str, Any]]] = tomllib.loads(_FILE.read_text("utf-8"))


def _by_name(column: str) -> dict[str, str]:
    return {
        name: reason for reason, row in _REASONS.items() for name in row.get(column, "").split()
    }


def _patterns(column: str) -> dict[str, re.Pattern[str]]:
    return {
        reason: re.compile("|".join(row[column]), re.IGNORECASE)
        for reason, row in _REASONS.items()
        if column in row
    }


_TAGS: Final = _by_name("tags")
_TYPES: Final = _by_name("types")
_CLASSES: Final = _by_name("classes")
_IDS: Final = _by_name("ids")
REFERENCES: Final = _by_name("references")
MOST_WORDS: Final = {
    reason: row["most_words"] for reason, row in _REASONS.items() if "most_words" in row
}
PLAIN_NAMES: Final = _patterns("names")
COMMON_NAMES: Final = _patterns("common_names")
STRONG_SIGNS, WEAK_SIGNS = (
    tuple(re.compile("|".join(sign), re.IGNORECASE) for sign in _REASONS["imprint"][column])
    for column in ("strong_signs", "weak_signs")
)
NOT_COUNTED: Final = "no text"
# Elements within a line; where one is not closed, it ends with its paragraph.
INLINE_REASONS: Final = frozenset({"page numbers", "marks of notes"})


def reason_to_skip(name: str, attributes: Mapping[str, str]) -> str:
    """Return why an element is no text of the author; an empty string if it is."""
    if name in _TAGS:
        return _TAGS[name]
    if not attributes:
        return ""
    for key, value in attributes.items():
        key = local_name(key)
        if key == "type" or key == "role":
            for word in value.lower().split():
                if reason := _TYPES.get(word.removeprefix("doc-")):
                    return reason
        elif key == "class":
            for word in value.lower().split():
                if reason := _CLASSES.get(word):
                    return reason
        elif key == "id" and value in _IDS:
            return _IDS[value]
        elif key == "hidden" or (key == "style" and "display:none" in value.replace(" ", "")):
            return "hidden text"
    return ""
