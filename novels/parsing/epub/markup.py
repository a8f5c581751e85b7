"""Tokenize XHTML into tags and texts, in one pass and linear time, malformed pages included.

No tree is built and no entity is declared, so neither nesting nor expansion can hurt.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from novels.parsing.decoding import clean, decode_markup

# Possessive, so that an unclosed tag costs linear time.
_TAG: Final = re.compile(r"<(/?)([A-Za-z][\w:.-]{0,60})((?:[^<>\"']|\"[^\"<]*+\"|'[^'<]*+')*+)>")
# Text, with "<" signs that begin no tag.
_RUN: Final = re.compile(r"(?:[^<]|<(?![A-Za-z/!?]))++")
_ATTRIBUTE: Final = re.compile(r"([\w:.-]{1,60})\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))")
_SKIPPED: Final = {"<!--": "-->", "<?": "?>", "<!": ">"}
_CDATA: Final = "<![CDATA["
_RAW: Final = frozenset({"script", "style"})
_DIGITS: Final = re.compile(r"&#[xX]?[0-9a-fA-F]{8,};?")
VOID: Final = frozenset(
    "area base br col embed hr img input link meta param source track wbr".split()
)


@dataclass(slots=True)
class Tag:
    """A start tag, an end tag, or both in one (`is_start` and `is_end`)."""

    name: str
    attributes: dict[str, str]
    is_start: bool
    is_end: bool

    @property
    def types(self) -> frozenset[str]:
        """Return the words of epub:type and of role, the latter without "doc-"."""
        roles = self.attributes.get("role", "").replace("doc-", "")
        return frozenset(f"{self.attributes.get('epub:type', '')} {roles}".lower().split())


def read_markup(data: bytes) -> Iterator[Tag | str]:
    """Yield tags with lower-case names and texts with their references resolved."""
    source = decode_markup(data)
    at = 0
    while at < len(source):
        if run := _RUN.match(source, at):
            yield _text(run[0])
        opening = run.end() if run else at
        if opening == len(source):
            return
        if source.startswith(_CDATA, opening):
            end = _find(source, "]]>", opening)
            yield clean(source[opening + len(_CDATA) : end])
            at = end + 3
        elif match := _TAG.match(source, opening):
            tag = _tag(match)
            yield tag
            at = match.end()
            if tag.name in _RAW and tag.is_start and not tag.is_end:
                at = _find(source, f"</{tag.name}", at)
        else:
            at = _skip(source, opening)
            if at == opening + 1:
                yield "<"


def _text(raw: str) -> str:
    return clean(html.unescape(_DIGITS.sub("\ufffd", raw))) if "&" in raw else clean(raw)


def _find(source: str, end: str, start: int) -> int:
    at = source.find(end, start)
    return len(source) if at < 0 else at


def _skip(source: str, at: int) -> int:
    for opening, closing in _SKIPPED.items():
        if source.startswith(opening, at):
            return _find(source, closing, at) + len(closing)
    return at + 1


def _tag(match: re.Match[str]) -> Tag:
    closing, name, rest = match.groups()
    name = name.lower().rpartition(":")[2]
    if closing:
        return Tag(name, {}, is_start=False, is_end=True)
    attributes = {
        key.lower(): _text(double or single or plain)
        for key, double, single, plain in _ATTRIBUTE.findall(rest)
    }
    is_end = rest.endswith("/") or name in VOID
    return Tag(name, attributes, is_start=True, is_end=is_end)
