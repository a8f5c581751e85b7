"""Decode bytes: by byte order mark, as UTF-8, as declared in the file, then by a detector."""

from __future__ import annotations

import codecs
import re
from typing import Final

from charset_normalizer import from_bytes

from novels.parsing.errors import ParseError

# The detector's time grows with its input; this much text decides as well as a whole book.
_SAMPLE_BYTES: Final = 64 * 1024
# UTF-32 first: its little-endian mark begins with that of UTF-16.
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Python has codecs that are no character sets (zip, rot13, idna); only these are accepted.
_DECLARABLE: Final = re.compile(
    r"utf-8|iso8859-\d+|cp(125\d|437|85\d|866|932|949)|koi8-[ru]|mac-(roman|cyrillic|latin2)"
    r"|big5|gb2312|gbk|gb18030|shift_jis|euc_(jp|kr)"
)
_DECLARED: Final = re.compile(
    rb"(?:^character set encoding:[ \t]*|^[ \t]*<\?xml[^>\n]{0,80}encoding=[\"'])([\w.:-]{2,30})",
    re.IGNORECASE | re.MULTILINE,
)
_HIGH: Final = re.compile(rb"[\x80-\xff]")
# In Western languages at most every tenth letter has an accent; in Cyrillic or Greek all do.
_WESTERN_SHARE: Final = 0.10
# A few words may have more, and are too short a sample for the detector.
_SHORT_WESTERN_SHARE: Final = 0.25
_SHORT_BYTES: Final = 2_000
_WESTERN: Final = frozenset("€‚ƒ„…ˆ‰Š‹ŒŽ‘’“”•–—™š›œžŸ\xa0¡£§©ª«®°´·º»½¼¾¿×÷­")
# Form feeds and the end-of-file mark of DOS occur in ordinary texts.
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0e-\x19\x1b-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")
_INVISIBLE: Final = (*range(0x20), 0x7F, *range(0x80, 0xA0), 0xAD, 0x200B, 0x2060, 0xFEFF)
_DROPPED: Final[dict[int, str | None]] = {
    **dict.fromkeys((*_INVISIBLE, 0xFFFE, 0xFFFF, *range(0xD800, 0xE000))),
    **dict.fromkeys((0x09, 0x0B, 0xA0, 0x2007, 0x2009, 0x200A, 0x202F), " "),
    **dict.fromkeys((0x0A, 0x0C, 0x85, 0x2028), "\n"),
    0x2029: "\n\n",
}


def decode_text(data: bytes) -> str:
    """Return the text with "\\n" line ends and without control or invisible characters.

    Raises:
        ParseError: Nothing but white space, or not text.
    """
    text = _decode(data)
    if "\0" in text:
        raise _binary()
    # The beginning first, so that a large binary file is refused without a full scan.
    for part in (text[:_SAMPLE_BYTES], text):
        if len(_CONTROLS.findall(part)) > 5 + len(part) // 1000:
            raise _binary()
    cleaned = clean(text.replace("\r\n", "\n").replace("\r", "\n"))
    if not cleaned.strip():
        raise ParseError("empty", "The file holds no text. Choose a file with text in it.")
    return cleaned


def clean(text: str) -> str:
    """Return the text without invisible and unstorable characters; tabs become spaces."""
    return text.translate(_DROPPED)


def _decode(data: bytes) -> str:
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            text = _try(data[len(bom) :], encoding)
            if text is None:
                raise _binary()
            return text
    if b"\0" in data:
        return _utf16_without_bom(data)
    text = _try(data, "utf-8")
    if text is None:
        text = _try_declared(data)
    return _detect(data) if text is None else text


def _try(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return None


def _utf16_without_bom(data: bytes) -> str:
    """Return the byte order that gives more spaces and line ends; every language has them."""
    readings = [_try(data, "utf-16-le"), _try(data, "utf-16-be")]
    texts = [text for text in readings if text is not None and "\0" not in text]
    best = max(texts, key=lambda text: sum(map(text.count, " \n")), default="")
    if sum(map(best.count, " \n")) * 50 < len(best) or not best:
        raise _binary()
    return best


def _try_declared(data: bytes) -> str | None:
    match = _DECLARED.search(data[:20_000])
    if match is None:
        return None
    try:
        name = codecs.lookup(match.group(1).decode("ascii")).name
    except LookupError:
        return None
    # "Latin-1" usually means Windows-1252, which has quotes in place of control characters.
    if name == "iso8859-1":
        return _western(data)
    return _try(data, name) if _DECLARABLE.fullmatch(name) else None


def _western(data: bytes) -> str:
    return _try(data, "cp1252") or data.decode("latin-1")


def _detect(data: bytes) -> str:
    sample = _telling_lines(data)
    if _looks_western(sample):
        return _western(data)
    match = from_bytes(sample).best()
    text = _try(data, match.encoding) if match is not None else None
    return _western(data) if text is None else text


def _telling_lines(data: bytes) -> bytes:
    """Return lines that have letters beyond ASCII: only they distinguish encodings."""
    lines: list[bytes] = []
    end = size = 0
    while size < _SAMPLE_BYTES and (high := _HIGH.search(data, end)):
        start = data.rfind(b"\n", end, high.start()) + 1 or end
        line_end = data.find(b"\n", high.end()) + 1 or len(data)
        end = min(line_end, high.end() + _SAMPLE_BYTES)
        lines.append(data[start:end])
        size += end - start
    return b"".join(lines)[:_SAMPLE_BYTES]


def _looks_western(sample: bytes) -> bool:
    text = _western(sample)
    high = [char for char in text if char > "\x7f"]
    letters = sum(map(str.isalpha, text)) or 1
    foreign = sum(not ("À" <= char <= "ÿ" or char in _WESTERN) for char in high)
    share = sum(map(str.isalpha, high)) / letters
    limit = _SHORT_WESTERN_SHARE if len(sample) < _SHORT_BYTES else _WESTERN_SHARE
    return share <= limit and foreign * 20 <= len(high)


def _binary() -> ParseError:
    return ParseError("binary", "The file is not text. Upload a .txt or an .epub file.")


def decode_markup(data: bytes) -> str:
    """Return the text of an XHTML document; bytes that fit no encoding are replaced."""
    try:
        return _decode(data).replace("\r\n", "\n").replace("\r", "\n")
    except ParseError:
        return data.decode("utf-8", errors="replace")
