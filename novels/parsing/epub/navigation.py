"""The table of contents of an EPUB: nav.xhtml of EPUB 3 or toc.ncx of EPUB 2."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

from novels.parsing.epub.archive import Archive, resolve
from novels.parsing.epub.markup import Tag, read_markup
from novels.parsing.epub.package import Package
from novels.parsing.epub.xml import attribute, local_name, parse_xml, text_of
from novels.parsing.errors import ParseError
from novels.parsing.limits import Limits


@dataclass(frozen=True, slots=True)
class NavEntry:
    """A line of the table of contents; `depth` counts from 1, `document` may be empty."""

    label: str
    document: str
    fragment: str
    depth: int


def read_navigation(archive: Archive, package: Package, limits: Limits) -> list[NavEntry]:
    """Return the table of contents, empty if there is none that can be read."""
    if package.nav is not None:
        data = archive.read(package.nav, max_bytes=limits.max_xml_bytes)
        entries = _entries(package.nav, _nav_links(data))
        if entries:
            return entries
    if package.ncx is not None:
        data = archive.read(package.ncx, max_bytes=limits.max_xml_bytes)
        try:
            return _entries(package.ncx, _ncx_links(data, package.ncx))
        except ParseError:
            # The book is readable without its broken table of contents.
            return []
    return []


def _entries(base: str, links: list[tuple[str, str, int]]) -> list[NavEntry]:
    entries: list[NavEntry] = []
    for label, href, depth in links:
        if "://" in href or not label:
            continue
        document = resolve(base, href) if href else ""
        entries.append(NavEntry(label, document, unquote(href.partition("#")[2]), depth))
    return entries


def _nav_links(data: bytes) -> list[tuple[str, str, int]]:
    """Return label, link and depth of the lines of the nav element that is the contents."""
    reader = _NavReader()
    for token in read_markup(data):
        if isinstance(token, str):
            reader.label.append(token)
        else:
            reader.tag(token)
    return reader.links


class _NavReader:
    """Collects links; a part may have a label without one."""

    def __init__(self) -> None:
        self.links: list[tuple[str, str, int]] = []
        self.label: list[str] = []
        self._inside = False
        self._depth = 0
        self._href = ""

    def tag(self, tag: Tag) -> None:
        if tag.name == "nav":
            is_contents = "toc" in tag.types or not tag.types
            self._inside = tag.is_start and not self.links and is_contents
        elif not self._inside:
            return
        elif tag.name == "a" and tag.is_start:
            self._href = tag.attributes.get("href", "")
        elif tag.name in ("li", "ol"):
            self._end_label()
            self._depth += (tag.is_start - tag.is_end) * (tag.name == "ol")
        if tag.name == "nav":
            self.label.clear()

    def _end_label(self) -> None:
        label = " ".join("".join(self.label).split())
        if label and self._depth:
            self.links.append((label, self._href, self._depth))
        self.label.clear()
        self._href = ""


def _ncx_links(data: bytes, name: str) -> list[tuple[str, str, int]]:
    links: list[tuple[str, str, int]] = []
    roots = [e for e in parse_xml(data, name).iter() if local_name(e) == "navMap"]
    # A stack instead of recursion: the file controls the nesting.
    stack = [(child, 1) for root in roots[:1] for child in reversed(root)]
    while stack:
        point, depth = stack.pop()
        if local_name(point) != "navPoint":
            continue
        label = next((text_of(e) for e in point if local_name(e) == "navLabel"), "")
        source = next((attribute(e, "src") for e in point if local_name(e) == "content"), "")
        links.append((label, source, depth))
        stack += [(child, depth + 1) for child in reversed(point)]
    return links
