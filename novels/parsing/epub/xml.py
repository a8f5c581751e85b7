"""XML of package files: no entities, nothing external."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import Element
from xml.etree.ElementTree import ParseError as XmlSyntaxError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from novels.parsing.errors import ParseError

# NCX files of EPUB 2 carry the declaration of their DTD; it is never fetched.
_DOCTYPE: Final = re.compile(rb"<!DOCTYPE[^>\[]{0,500}>", re.IGNORECASE)


def parse_xml(data: bytes, name: str) -> Element:
    """Return the root element.

    Raises:
        ParseError: Not well-formed, or it declares entities.
    """
    try:
        root: Element = fromstring(_DOCTYPE.sub(b"", data, count=1))
    except (XmlSyntaxError, DefusedXmlException, ValueError, LookupError) as error:
        raise ParseError(
            "bad_xml", f"The EPUB's file {name[:80]!r} is broken XML. Export the book again."
        ) from error
    return root


def local_name(element: Element) -> str:
    """Return the tag without its namespace."""
    return str(element.tag).rpartition("}")[2]


def elements(root: Element, name: str) -> Iterator[Element]:
    """Yield the elements of that local name, in document order, whatever the namespace."""
    return (element for element in root.iter() if local_name(element) == name)


def attribute(element: Element, name: str) -> str:
    """Return an attribute by local name, else an empty string."""
    for key, value in element.items():
        if key.rpartition("}")[2] == name:
            return value
    return ""


def text_of(element: Element) -> str:
    """Return the text with white space collapsed."""
    return " ".join("".join(element.itertext()).split())
