"""Names of elements, types and classes that tell what a piece of an EPUB is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from novels.parsing.epub.markup import local_name


def _table(rows: dict[str, str]) -> dict[str, str]:
    """Return the reason of each name; a row is a reason and its names."""
    return {name: reason for reason, names in rows.items() for name in names.split()}


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

# Not text at all, so it is not counted.
_NO_TEXT: Final = "no text"
NOT_COUNTED: Final = frozenset({_NO_TEXT})
# Elements within a line; where one is not closed, it ends with its paragraph.
INLINE_REASONS: Final = frozenset({"page numbers", "marks of notes"})
SKIPPED_TAGS: Final = _table(
    {
        _NO_TEXT: "head script style template rt rp audio video iframe annotation annotation-xml "
        "metadata case title desc defs",
        "table of contents": "nav",
        "page numbers": "pagenum",
        "notes": "note prodnote",
        "marks of notes": "noteref",
    }
)
# A short piece of this kind is dropped; a long one has the wrong type. Most words of each.
MOST_WORDS: Final = {
    **dict.fromkeys(("cover", "title page"), 200),
    **dict.fromkeys(("imprint", "colophon", "copyright page", "credits"), 1_500),
}
# Words of epub:type, and of role without "doc-".
SKIPPED_TYPES: Final = _table(
    {
        "cover": "cover",
        "title page": "titlepage halftitlepage",
        "imprint": "imprint",
        "colophon": "colophon",
        "copyright page": "copyright-page",
        "table of contents": "toc landmarks page-list loi lot loa lov toc-brief",
        "notes": "endnotes endnote rearnotes rearnote footnotes footnote",
        "marks of notes": "noteref backlink",
        "page numbers": "pagebreak",
        "index": "index",
        "credits": "other-credits",
    }
)
SKIPPED_CLASSES: Final = _table(
    {
        "page numbers": "pagenum pageno page-number",
        "text of Project Gutenberg": "pg-boilerplate pgheader",
        "marks of notes": "noteref footnote-ref",
    }
)
SKIPPED_IDS: Final = dict.fromkeys(
    ("pg-header", "pg-footer", "pg-machine-header"), "text of Project Gutenberg"
)
# Types of references in the guide of EPUB 2 and in the landmarks of EPUB 3.
DROPPED_REFERENCES: Final = _table(
    {
        "cover": "cover",
        "title page": "title-page titlepage halftitlepage",
        "table of contents": "toc loi lot",
        "index": "index",
        "colophon": "colophon",
        "copyright page": "copyright-page imprint",
        "notes": "notes endnotes footnotes rearnotes",
    }
)


def reason_to_skip(name: str, attributes: Mapping[str, str]) -> str:
    """Return why an element is no text of the author; an empty string if it is."""
    if name in SKIPPED_TAGS:
        return SKIPPED_TAGS[name]
    if not attributes:
        return ""
    for key, value in attributes.items():
        key = local_name(key)
        if key == "type" or key == "role":
            for word in value.lower().split():
                if reason := SKIPPED_TYPES.get(word.removeprefix("doc-")):
                    return reason
        elif key == "class":
            for word in value.lower().split():
                if reason := SKIPPED_CLASSES.get(word):
                    return reason
        elif key == "id" and value in SKIPPED_IDS:
            return SKIPPED_IDS[value]
        elif key == "hidden" or (key == "style" and "display:none" in value.replace(" ", "")):
            return "hidden text"
    return ""
