"""EPUB files built in memory for tests."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

PROSE = "Nobody in the village had seen the old man since the night of the great storm."

CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/>'
    "</rootfiles></container>"
)
METADATA = (
    "<dc:title>The Storm</dc:title><dc:creator>Ann Author</dc:creator>"
    "<dc:language>en-GB</dc:language>"
)


def page(body: str, *, body_type: str = "") -> str:
    """Return an XHTML document."""
    return (
        '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html>'
        '<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops">'
        f'<head><title>Not text</title></head><body epub:type="{body_type}">{body}</body></html>'
    )


def nav(entries: str) -> str:
    """Return a navigation document; `entries` are li elements."""
    return page(f'<nav epub:type="toc"><ol>{entries}</ol></nav>')


def link(href: str, label: str) -> str:
    """Return one line of a navigation document."""
    return f'<li><a href="{href}">{label}</a></li>'


def ncx(points: str) -> str:
    """Return an EPUB 2 table of contents; `points` are navPoint elements."""
    return (
        '<?xml version="1.0"?><!DOCTYPE ncx PUBLIC "-//NISO//DTD ncx 2005-1//EN" '
        '"http://www.daisy.org/z3986/2005/ncx-2005-1.dtd">'
        f'<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navMap>{points}</navMap></ncx>'
    )


def point(href: str, label: str, children: str = "") -> str:
    """Return one navPoint."""
    return (
        f"<navPoint><navLabel><text>{label}</text></navLabel>"
        f'<content src="{href}"/>{children}</navPoint>'
    )


def package(
    names: Mapping[str, str], *, metadata: str = METADATA, extra: str = "", skip: str = ""
) -> str:
    """Return a package file whose spine has all pages; `skip` is read as linear="no"."""
    items, refs = "", ""
    for number, name in enumerate(names):
        kind = "application/xhtml+xml" if name.endswith("html") else "application/x-dtbncx+xml"
        properties = 'properties="nav" ' if name == "nav.xhtml" else ""
        items += f'<item id="i{number}" href="{name}" {properties}media-type="{kind}"/>'
        if name.endswith("html") and name != "nav.xhtml":
            linear = 'linear="no" ' if name == skip else ""
            refs += f'<itemref {linear}idref="i{number}"/>'
    return (
        '<package xmlns="http://www.idpf.org/2007/opf" xmlns:opf="http://www.idpf.org/2007/opf" '
        f'version="3.0"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">{metadata}</metadata>'
        f"<manifest>{items}</manifest><spine>{refs}</spine>{extra}</package>"
    )


def archive(files: Mapping[str, str | bytes]) -> io.BytesIO:
    """Return a ZIP of these files."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as output:
        for name, content in files.items():
            output.writestr(name, content)
    stream.seek(0)
    return stream


def epub(
    pages: Mapping[str, str],
    *,
    metadata: str = METADATA,
    extra: str = "",
    skip: str = "",
    more: Mapping[str, str | bytes] | None = None,
) -> io.BytesIO:
    """Return an EPUB of these pages, in this order; `more` adds or replaces files."""
    files: dict[str, str | bytes] = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": CONTAINER,
        "OEBPS/book.opf": package(pages, metadata=metadata, extra=extra, skip=skip),
    }
    files |= {f"OEBPS/{name}": content for name, content in pages.items()}
    return archive(files | dict(more or {}))
