"""Read mark-up with lxml: as XML where it is well-formed, else as tolerantly as browsers do.

Nothing external is loaded, and expansion of entities is bounded by libxml2. Pages are not kept as
trees: a target receives their events, so that nesting and size cost little memory.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from html.entities import html5
from typing import Final, TypeAlias, TypeVar

from lxml import etree

from novels.parsing.decoding import clean, decode_markup
from novels.parsing.model import ParseError

# Names as XHTML's DTD has them; XML itself knows five.
_REFERENCE: Final = re.compile(r"&([A-Za-z][A-Za-z0-9]{1,31});")
_XML_NAMES: Final = frozenset({"amp", "lt", "gt", "quot", "apos"})
_DECLARED: Final = re.compile(r"<!ENTITY\s{1,9}([A-Za-z][\w.-]{0,60})\s")
_DECLARATION: Final = re.compile(r"\s{0,99}<\?xml[^>]{0,200}\?>")
# An entity can be declared within this distance from the beginning only.
_SUBSET_CHARS: Final = 50_000
_DIRTY: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\xa0\xad\u2007-\u200b\u2028-\u202f\u2060\ufeff]"
)

_SAFE: Final = {"no_network": True, "huge_tree": True}

Element: TypeAlias = etree._Element
T = TypeVar("T")


def read_markup(source: str, make_target: Callable[[], T]) -> T:
    """Return a target that received the document; a new one if it is not well-formed XML.

    lxml calls its `start`, `end`, `data` and `close`; a tag has its namespace in braces.
    """
    target = make_target()
    try:
        etree.fromstring(
            _encode(source),
            etree.XMLParser(target=target, encoding="utf-8", resolve_entities="internal", **_SAFE),
        )
    except etree.LxmlError:
        target = make_target()
        # Where nothing looks like mark-up, what was read stays.
        with suppress(etree.LxmlError):
            etree.fromstring(
                _without_doctype(source).encode("utf-8", "replace"),
                etree.HTMLParser(target=target, encoding="utf-8", **_SAFE),
            )
    return target


def parse_xml(data: bytes, name: str) -> Element:
    """Return the root element of a small XML file; of a broken one, as much as can be read."""
    encoded = _encode(decode_markup(data))
    for recover in (False, True):
        parser = etree.XMLParser(
            recover=recover,
            encoding="utf-8",
            resolve_entities="internal",
            no_network=True,
            remove_comments=True,
            remove_pis=True,
        )
        with suppress(etree.LxmlError):
            root = etree.fromstring(encoded, parser)
            if root is not None:
                return root
    raise broken_xml(name)


def broken_xml(name: str) -> ParseError:
    """Return the refusal of a package file."""
    return ParseError(
        "bad_xml", f"The EPUB's file {name[:80]!r} is broken XML. Export the book again."
    )


def attribute(element: Element, name: str) -> str:
    """Return an attribute by local name without spaces around, else an empty string."""
    for key, value in element.items():
        if str(key).rpartition("}")[2] == name:
            return str(value).strip()
    return ""


def text_of(element: Element) -> str:
    """Return the text with white space collapsed."""
    return " ".join(clean_text("".join(map(str, element.itertext()))).split())


def clean_text(text: str) -> str:
    """Return the text without invisible and unstorable characters."""
    return clean(text) if _DIRTY.search(text) else text


def local_name(tag: str) -> str:
    """Return a tag's or attribute's name without namespace or prefix, in lower case."""
    return tag.rpartition("}")[2].rpartition(":")[2].lower()


def _encode(source: str) -> bytes:
    """Return the document as UTF-8, with HTML's names for characters resolved."""
    text = source[declaration.end() :] if (declaration := _DECLARATION.match(source)) else source
    if "&" in text:
        subset = text[:_SUBSET_CHARS] if "<!ENTITY" in text[:_SUBSET_CHARS] else ""
        declared = {*_DECLARED.findall(subset), *_XML_NAMES}

        def resolve(match: re.Match[str]) -> str:
            name = match[1]
            return match[0] if name in declared else html5.get(f"{name};", f"&amp;{name};")

        text = _REFERENCE.sub(resolve, text)
    return text.lstrip().encode("utf-8", "replace")


def _without_doctype(source: str) -> str:
    """Return the document without a DTD of its own, which HTML does not have."""
    start = source.find("<!DOCTYPE", 0, _SUBSET_CHARS)
    opening = source.find("[", start, start + 500)
    if start < 0 or opening < 0 or ">" in source[start:opening]:
        return source
    end = source.find("]>", opening)
    return source if end < 0 else source[:start] + source[end + 2 :]
