"""Decode bytes: by byte order mark, as UTF-8, as declared in the file, then by a detector.

One invalid byte is one replacement character; it never decides the encoding of the rest.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from typing import Final

import chardet

from novels.parsing.model import ParseError

# The detector's time grows with its input. Of several pieces one with an invalid byte, which
# rules out the right encoding there, is outvoted.
_PIECE_BYTES: Final = 8 * 1024
_LEAST_PIECE_BYTES: Final = 512
_MOST_PIECES: Final = 8
# The check for binary files looks at this much first.
_HEAD_CHARS: Final = 64 * 1024
# UTF-32 first: its little-endian mark begins with that of UTF-16.
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WITH_ZEROS: Final = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
# Python has codecs that are no character sets (zip, rot13, idna); only these are accepted.
_DECLARABLE: Final = re.compile(
    r"utf-8|iso8859-\d+|cp(125\d|437|85\d|866|874|932|949)|koi8-[ru]|mac-(roman|cyrillic|latin2)"
    r"|big5|gb2312|gbk|gb18030|shift_jis|euc_(jp|kr)"
)
_DECLARED: Final = re.compile(
    rb"(?:^character set encoding:[ \t]*|^[ \t]*<\?xml[^>\n]{0,80}encoding=[\"'])([\w.:-]{2,30})",
    re.IGNORECASE | re.MULTILINE,
)
_HIGH: Final = re.compile(rb"[\x80-\xff]")
_UTF8_CHARACTER: Final = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
REPLACEMENT: Final = "\ufffd"
# More invalid bytes than one in so many characters beyond ASCII: another encoding.
_VALID_TIMES_INVALID: Final = 10
# More replaced characters than one in so many: no text in that encoding.
_CHARS_PER_REPLACEMENT: Final = 50
# Characters of two bytes: an extra byte moves the pairs behind it.
_TWO_BYTES: Final = frozenset({"gb18030", "big5", "cp932", "euc_jp", "cp949"})
_MOST_REALIGNED: Final = 20
_REALIGN_BYTES: Final = 200
# Wider sets of the same letters, which also have what old encodings lack.
_WIDER: Final = {
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}
# Form feeds and the end-of-file mark of DOS occur in ordinary texts.
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0e-\x19\x1b-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")
_INVISIBLE: Final = (*range(0x20), 0x7F, *range(0x80, 0xA0), 0xAD, 0x200B, 0x2060, 0xFEFF)
_DROPPED: Final[dict[int, str | None]] = {
    **dict.fromkeys((*_INVISIBLE, 0xFFFE, 0xFFFF, *range(0xD800, 0xE000))),
    **dict.fromkeys((0x0B, 0xA0, 0x2007, 0x2009, 0x200A, 0x202F), " "),
    # A tab indents the first line of a paragraph.
    0x09: "    ",
    **dict.fromkeys((0x0A, 0x0C, 0x85, 0x2028), "\n"),
    0x2029: "\n\n",
}
# Most texts have few of them; `translate` looks each character up.
_TO_CLEAN: Final = re.compile("[" + "".join(chr(c) for c in _DROPPED if c != 0x0A) + "]")


def decode_text(data: bytes) -> str:
    """Return the text with "\\n" line ends and without control or invisible characters."""
    text = _decode(data)
    if "\0" in text:
        raise _binary()
    # The beginning first, so that a large binary file is refused without a full scan.
    for part in (text[:_HEAD_CHARS], text):
        if len(_CONTROLS.findall(part)) > 5 + len(part) // 1000:
            raise _binary()
    cleaned = clean(text.replace("\r\n", "\n").replace("\r", "\n"))
    if not cleaned.strip():
        raise ParseError("empty", "The file holds no text. Choose a file with text in it.")
    return cleaned


def clean(text: str) -> str:
    """Return the text without invisible and unstorable characters; tabs become spaces."""
    return _TO_CLEAN.sub(lambda match: _DROPPED[ord(match[0])] or "", text)


def decode_markup(data: bytes) -> str:
    """Return the text of an XHTML document; bytes that fit no encoding are replaced."""
    try:
        return _decode(data).replace("\r\n", "\n").replace("\r", "\n")
    except ParseError:
        return data.decode("utf-8", errors="replace")


def _decode(data: bytes) -> str:
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            text = _with_replacements(data[len(bom) :], encoding)
            if text is None:
                raise _binary()
            return text
    if b"\0" in data:
        return _with_zeros(data)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    if _is_nearly_utf8(data):
        return data.decode("utf-8", errors="replace")
    for encoding in (*_read_declared(data), *_detect_encodings(data)):
        text = _with_replacements(data, encoding)
        if text is not None:
            return text
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _with_replacements(data: bytes, encoding: str) -> str | None:
    """Return the text, or None if more than a few bytes are invalid."""
    try:
        text = data.decode(encoding, errors="replace")
    except LookupError:
        return None
    count = text.count(REPLACEMENT)
    if count > 1 + len(text) // _CHARS_PER_REPLACEMENT:
        return None
    if encoding in _TWO_BYTES and 0 < count <= _MOST_REALIGNED:
        return _realign(data, encoding, Counter(text))
    return text


def _realign(data: bytes, encoding: str, usual: Counter[str]) -> str:
    """Return the text with one replacement for each invalid place.

    Behind an extra byte the rest of the line would be read in wrong pairs: of one, two and three
    bytes those are skipped behind which the most `usual` characters stand.
    """

    def score(rest: bytes) -> int:
        following = rest.partition(b"\n")[0].decode(encoding, errors="replace")
        return sum(usual[char] for char in following) - usual.total() * following.count(REPLACEMENT)

    parts: list[str] = []
    start = 0
    for _ in range(2 * _MOST_REALIGNED):
        try:
            return "".join([*parts, data[start:].decode(encoding)])
        except UnicodeDecodeError as error:
            place = start + error.start
            parts += [data[start:place].decode(encoding), REPLACEMENT]
            start = max(
                (place + skip for skip in (1, 2, 3)),
                key=lambda at: score(data[at : at + _REALIGN_BYTES]),
            )
    return "".join([*parts, data[start:].decode(encoding, errors="replace")])


def _is_nearly_utf8(data: bytes) -> bool:
    """Return whether nearly all bytes beyond ASCII form UTF-8; by chance few do."""
    valid, rest = 0, len(_HIGH.findall(data))
    for match in _UTF8_CHARACTER.finditer(data):
        valid += 1
        rest -= match.end() - match.start()
    return valid >= rest * _VALID_TIMES_INVALID


def _with_zeros(data: bytes) -> str:
    """Return UTF-16 or UTF-32 in the order that gives most spaces and line ends."""
    texts = [_with_replacements(data, encoding) for encoding in _WITH_ZEROS]
    candidates = [text for text in texts if text is not None and "\0" not in text]
    best = max(candidates, key=_count_spaces, default="")
    if _count_spaces(best) * 50 < len(best) or not best:
        raise _binary()
    return best


def _count_spaces(text: str) -> int:
    """Return the number of characters that separate words in every language, or sentences."""
    return sum(map(text.count, " \n\u3000。，、"))


def _read_declared(data: bytes) -> list[str]:
    """Return the encoding that a line of the text names, if there is one."""
    match = _DECLARED.search(data[:20_000])
    if match is None:
        return []
    try:
        name = codecs.lookup(match.group(1).decode("ascii")).name
    except LookupError:
        return []
    return [_WIDER.get(name, name)] if _DECLARABLE.fullmatch(name) else []


def _detect_encodings(data: bytes) -> list[str]:
    """Return the encodings that the detector finds in pieces of the text, the likeliest first."""
    votes: Counter[str] = Counter()
    for piece in _telling_pieces(data):
        result = chardet.detect(piece)
        if result["encoding"]:
            name = codecs.lookup(result["encoding"]).name
            votes[_WIDER.get(name, name)] += 1
    return [name for name, _ in votes.most_common()]


def _telling_pieces(data: bytes) -> list[bytes]:
    """Return pieces of lines that have bytes beyond ASCII: only they distinguish encodings."""
    piece_bytes = max(_LEAST_PIECE_BYTES, min(_PIECE_BYTES, len(data) // _MOST_PIECES))
    pieces: list[bytes] = []
    lines: list[bytes] = []
    end = size = 0
    while len(pieces) < _MOST_PIECES and (high := _HIGH.search(data, end)):
        start = data.rfind(b"\n", end, high.start()) + 1 or end
        line_end = data.find(b"\n", high.end()) + 1 or len(data)
        end = min(line_end, high.end() + piece_bytes)
        lines.append(data[start:end])
        size += end - start
        if size >= piece_bytes:
            pieces.append(b"".join(lines))
            lines, size = [], 0
    if lines and (size >= piece_bytes // 2 or not pieces):
        pieces.append(b"".join(lines))
    return pieces


def _binary() -> ParseError:
    return ParseError("binary", "The file is not text. Upload a .txt or an .epub file.")
