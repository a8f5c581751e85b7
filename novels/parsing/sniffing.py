"""Recognise a file by its first bytes; the name only helps to word the refusal."""

from __future__ import annotations

from typing import Final, Literal

from novels.parsing.errors import ParseError

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


def sniff_format(head: bytes, filename: str) -> FileFormat:
    """Return the format that the first bytes show; some 4,096 bytes are enough.

    Raises:
        ParseError: The file is empty, or neither text nor EPUB.
    """
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
