"""The public functions: a cheap check of an upload, and the parse itself."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import BinaryIO, Final, Literal

from novels.parsing.decoding import decode_text
from novels.parsing.epub.archive import Archive
from novels.parsing.epub.book import parse_epub
from novels.parsing.epub.package import read_package
from novels.parsing.model import Limits, ParsedNovel, ParseError
from novels.parsing.plain import parse_plain

FileFormat = Literal["txt", "epub"]

# Frequent wrong uploads, recognised by their first bytes.
_FOREIGN: Final = (
    (b"%PDF", "a PDF"),
    (b"{\\rtf", "an RTF document"),
    (b"\xd0\xcf\x11\xe0", "a Word document"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
)
_MARKUP: Final = (b"<!doctype html", b"<html", b"<?xml")
_UTF16_BOMS: Final = (b"\xff\xfe", b"\xfe\xff")
_HEAD_BYTES: Final = 4096


def check_upload(file: Path | BinaryIO, filename: str, limits: Limits | None = None) -> FileFormat:
    """Refuse a file that cannot be parsed, before it is stored; the file is rewound.

    Reads at most `limits.max_file_bytes`; of an EPUB it unpacks only the package files.

    Raises:
        ParseError: The file is refused.
    """
    bounds = limits or Limits()
    data = _read_file(file, bounds)
    file_format = _sniff_format(data[:_HEAD_BYTES], filename)
    if file_format == "epub":
        read_package(Archive(data, bounds))
    else:
        decode_text(data)
    return file_format


def parse_novel(
    path: Path | BinaryIO,
    filename: str,
    limits: Limits | None = None,
    *,
    progress: Callable[[str, int], None] | None = None,
) -> ParsedNovel:
    """Return title, author, language and chapters of a .txt or .epub file.

    `progress` is called with a stage ("decoding", "reading", "splitting") and percent of the whole.

    Raises:
        ParseError: The file is refused.
    """
    bounds = limits or Limits()
    data = _read_file(path, bounds)
    parse = parse_epub if _sniff_format(data[:_HEAD_BYTES], filename) == "epub" else parse_plain
    return parse(data, limits=bounds, progress=progress or (lambda stage, percent: None))


def _read_file(source: Path | BinaryIO, limits: Limits) -> bytes:
    with source.open("rb") if isinstance(source, Path) else nullcontext(source) as file:
        file.seek(0)
        data = file.read(limits.max_file_bytes + 1)
        file.seek(0)
    if len(data) > limits.max_file_bytes:
        size = limits.max_file_bytes // (1024 * 1024)
        raise ParseError("too_large", f"The file is larger than {size} MB. Upload a smaller one.")
    return data


def _sniff_format(head: bytes, filename: str) -> FileFormat:
    """Return the format that the first bytes show; refuse other formats."""
    if not head:
        raise ParseError("empty", "The file is empty. Choose a file with text in it.")
    # Some servers send an empty line first.
    if head.lstrip(b"\r\n").startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return "epub"
    _refuse_foreign(head)
    if filename.lower().endswith(".epub"):
        raise ParseError(
            "bad_zip",
            "The file is named .epub but is not an EPUB (it is no ZIP archive). "
            "Download or export it again.",
        )
    if b"\0" in head and not head.startswith(_UTF16_BOMS) and not _may_be_utf16(head):
        raise ParseError("binary", "The file is not text. Upload a .txt or an .epub file.")
    return "txt"


def _refuse_foreign(head: bytes) -> None:
    for magic, what in _FOREIGN:
        if head.startswith(magic):
            raise _unsupported_error(what)
    if head[60:68] == b"BOOKMOBI":
        raise _unsupported_error("a Kindle book")
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:16].lower()
    if start.startswith(_MARKUP):
        raise _unsupported_error("a web page or XML")


def _unsupported_error(what: str) -> ParseError:
    return ParseError(
        "unsupported", f"The file is {what}. Save the novel as plain text (.txt) or EPUB."
    )


def _may_be_utf16(head: bytes) -> bool:
    """Return whether the zero bytes sit on one side of the byte pairs, as in UTF-16 without BOM."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    return min(even, odd) * 20 <= max(even, odd)
