"""The public functions: a cheap check of an upload, and the parse itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from novels.parsing.decoding import decode_text
from novels.parsing.epub.book import check_epub, parse_epub
from novels.parsing.errors import ParseError
from novels.parsing.limits import Limits
from novels.parsing.model import ParsedNovel
from novels.parsing.plain import parse_plain
from novels.parsing.sniffing import FileFormat, sniff_format

_HEAD_BYTES = 4096


def check_upload(file: Path | BinaryIO, filename: str, limits: Limits | None = None) -> FileFormat:
    """Refuse a file that cannot be parsed, before it is stored; the file is rewound.

    Reads at most `limits.max_file_bytes`; of an EPUB it unpacks only the package files.

    Raises:
        ParseError: The file is refused.
    """
    bounds = limits or Limits()
    data = _read_file(file, bounds)
    file_format = sniff_format(data[:_HEAD_BYTES], filename)
    if file_format == "epub":
        check_epub(data, limits=bounds)
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
        ParseError: The file is refused; nothing else is raised for whatever the file contains.
    """
    bounds = limits or Limits()
    data = _read_file(path, bounds)
    parse = parse_epub if sniff_format(data[:_HEAD_BYTES], filename) == "epub" else parse_plain
    return parse(data, limits=bounds, progress=progress or _ignore_progress)


def _read_file(source: Path | BinaryIO, limits: Limits) -> bytes:
    if isinstance(source, Path):
        with source.open("rb") as file:
            return _read(file, limits)
    return _read(source, limits)


def _read(file: BinaryIO, limits: Limits) -> bytes:
    file.seek(0)
    data = file.read(limits.max_file_bytes + 1)
    file.seek(0)
    if len(data) > limits.max_file_bytes:
        size = limits.max_file_bytes // (1024 * 1024)
        raise ParseError("too_large", f"The file is larger than {size} MB. Upload a smaller one.")
    return data


def _ignore_progress(stage: str, percent: int) -> None:
    """Ignore progress."""
