"""XML of package files, read with lxml; the elements of any namespace by their local names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from lxml import etree

from novels.parsing.decoding import decode_markup
from novels.parsing.epub.markup import clean_text, parse_tree
from novels.parsing.errors import ParseError

Element: TypeAlias = etree._Element


def parse_xml(data: bytes, name: str) -> Element:
    """Return the root element; of a broken file, as much as can be read.

    Raises:
        ParseError: There is nothing to read.
    """
    root, _ = parse_tree(decode_markup(data))
    if root is None:
        raise broken_xml(name)
    return root


def broken_xml(name: str) -> ParseError:
    """Return the refusal of a package file."""
    return ParseError(
        "bad_xml", f"The EPUB's file {name[:80]!r} is broken XML. Export the book again."
    )


def elements(root: Element, name: str) -> Iterator[Element]:
    """Yield the elements of that local name, in document order, whatever the namespace."""
    yield from root.iter(f"{{*}}{name}")


def attribute(element: Element, name: str) -> str:
    """Return an attribute by local name without spaces around, else an empty string."""
    for key, value in element.items():
        if str(key).rpartition("}")[2] == name:
            return str(value).strip()
    return ""


def text_of(element: Element) -> str:
    """Return the text with white space collapsed."""
    return " ".join(clean_text("".join(map(str, element.itertext()))).split())
