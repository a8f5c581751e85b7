"""Limits of a parse, its result, and its one error."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, Self

ErrorCode = Literal[
    "empty",
    "binary",
    "too_large",
    "too_costly",
    "zip_bomb",
    "bad_zip",
    "path_traversal",
    "drm",
    "bad_xml",
    "bad_epub",
    "unsupported",
]
WarningCode = Literal[
    "documents_left_out",
    "passages_left_out",
    "words_lost",
    "empty_chapter",
    "undecodable_bytes",
]

# Han characters, kana and bopomofo, without punctuation; Korean has spaces.
_CJK: Final = (
    "\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
_IS_CJK: Final = re.compile(f"[{_CJK}]")
# Between them other words may stand: 他用iPhone打电话.
_WORD: Final = re.compile(rf"[{_CJK}]|[^\W{_CJK}][^\s{_CJK}]*")
_MIB: Final = 1024 * 1024


class ParseError(ValueError):
    """A file that is refused; nothing else is raised for whatever a file contains.

    The message tells its uploader why and what to do; the code is a stable word for programs.
    """

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.code: ErrorCode = code

    def __reduce__(self) -> tuple[type[Self], tuple[ErrorCode, str]]:
        """Keep the code when the error crosses a process."""
        return type(self), (self.code, self.message)


def too_many(parts: str, limit: int) -> ParseError:
    """Return the refusal of a text with more chapters or paragraphs than any novel."""
    return ParseError(
        "too_large", f"The file has more than {limit} {parts}. Split it into several files."
    )


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that hold for every file; sizes in bytes."""

    # The upload limit of the API (MORPHEUS_MAX_UPLOAD_MB); the longest novels have about 10 MB.
    max_file_bytes: int = 25 * _MIB
    # Heavily illustrated EPUBs have about 2,000 files.
    max_entries: int = 5_000
    # Unpacked, pictures included; pictures hardly shrink, so ordinary files stay near 25 MiB.
    max_total_bytes: int = 300 * _MIB
    # Prose shrinks to a third, drawings in SVG to a thirtieth; deflate can reach 1,032.
    max_ratio: int = 100
    # Smaller files may have any compression ratio: they can do no harm.
    ratio_floor_bytes: int = 1 * _MIB
    # Package and navigation files of books with thousands of parts are below 1 MB.
    max_xml_bytes: int = 5 * _MIB
    # Text documents of one book together, mark-up included: as much as a text file may have.
    max_text_bytes: int = 25 * _MIB
    # The longest novels have 100,000; bounds memory, which goes by paragraphs more than by bytes.
    max_paragraphs: int = 500_000
    # The longest web novels have some 2,500 chapters.
    max_chapters: int = 10_000


@dataclass(frozen=True, slots=True)
class ParsedChapter:
    """One chapter; paragraphs of `content` are separated by one blank line."""

    title: str
    content: str

    @property
    def word_count(self) -> int:
        """Return the number of words of the content."""
        return count_words(self.content)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A part of the file that is not in the novel, because the author did not write it."""

    # A whole document of an EPUB ("cover.xhtml"), or a kind of passage ("notes").
    name: str
    # In a few words: "no text", "title page".
    reason: str
    words: int
    is_document: bool = False


@dataclass(frozen=True, slots=True)
class ParseWarning:
    """What an import left out or repaired; `detail` is a sentence for the uploader."""

    code: WarningCode
    detail: str


@dataclass(frozen=True, slots=True)
class ParsedNovel:
    """A whole file; missing fields are None. The language is an ISO 639 code such as "en"."""

    title: str | None
    author: str | None
    language: str | None
    chapters: tuple[ParsedChapter, ...]
    left_out: tuple[LeftOut, ...] = ()
    warnings: tuple[ParseWarning, ...] = ()


def count_words(text: str) -> int:
    """Return the number of words as word processors count them.

    Each Chinese or Japanese character is a word; else words stand between white space, also in
    Korean, and in Thai, Lao, Khmer and Burmese, where these are phrases.
    """
    if text.isascii() or not _IS_CJK.search(text):
        return len(text.split())
    return sum(1 for _ in _WORD.finditer(text))
