"""The table of contents of an EPUB: nav.xhtml of EPUB 3 or toc.ncx of EPUB 2."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from novels.parsing.decoding import decode_markup
from novels.parsing.epub.archive import Archive, resolve
from novels.parsing.epub.markup import (
    attribute,
    clean_text,
    local_name,
    parse_xml,
    read_markup,
    text_of,
)
from novels.parsing.epub.package import Package
from novels.parsing.epub.vocabulary import REFERENCES
from novels.parsing.model import ParseError

# Bounds the time for entries inside of entries; books have up to five levels.
_MOST_DEPTH: Final = 10
# Page numbers of the printed book, behind dots.
_PAGE: Final = re.compile(r"[.…]{3,50}\s{0,9}\w{0,4}$")


@dataclass(frozen=True, slots=True)
class NavEntry:
    """A line of the table of contents; `depth` counts from 1, `document` may be empty."""

    label: str
    document: str
    fragment: str
    depth: int


@dataclass(frozen=True, slots=True)
class Navigation:
    """The table of contents, and the documents that landmarks call cover, imprint and the like."""

    entries: tuple[NavEntry, ...]
    # The reason to leave each document out.
    declared: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Link:
    label: str
    href: str
    depth: int
    reason: str = ""


def read_navigation(archive: Archive, package: Package) -> Navigation:
    """Return the table of contents, empty if there is none that can be read."""
    readers = ((package.nav, _nav_links), (package.ncx, _ncx_links))
    declared: dict[str, str] = {}
    for name, read in readers:
        if name is None:
            continue
        try:
            links = list(read(archive.read(name)))
        except ParseError:
            # The book is readable without its broken table of contents.
            continue
        find = _Finder(archive, package, name)
        for link in links:
            if link.reason and "#" not in link.href and (document := find(link.href)):
                declared.setdefault(document, link.reason)
        entries = tuple(_entries((link for link in links if not link.reason), find))
        if entries:
            return Navigation(entries, declared)
    return Navigation((), declared)


class _Finder:
    """Finds the document of a link, also where the link has a wrong folder."""

    def __init__(self, archive: Archive, package: Package, base: str) -> None:
        self._archive = archive
        self._base = base
        self._spine = {item.name for item in package.spine}
        self._by_basename: dict[str, str | None] = {}
        for item in package.spine:
            basename = posixpath.basename(item.name).lower()
            is_known = basename in self._by_basename
            self._by_basename[basename] = None if is_known else item.name

    def __call__(self, href: str) -> str | None:
        try:
            name = self._archive.find(resolve(self._base, href))
        except ParseError:
            return None
        if name in self._spine:
            return name
        path = unquote(href.partition("#")[0]).replace("\\", "/")
        return self._by_basename.get(posixpath.basename(path).lower(), name)


def _entries(links: Iterable[_Link], find: _Finder) -> Iterator[NavEntry]:
    """Yield the links to documents that are there; one that is not costs its own line alone."""
    for link in links:
        label = _PAGE.sub("", link.label).strip()
        if "://" in link.href or not label:
            continue
        document = find(link.href) if link.href else ""
        if document is not None:
            fragment = unquote(link.href.partition("#")[2])
            yield NavEntry(label, document, fragment, min(link.depth, _MOST_DEPTH))


def _nav_links(data: bytes) -> list[_Link]:
    return read_markup(decode_markup(data), _NavReader).links


class _NavReader:
    """Collects the lines of the contents and of the landmarks; a part may have no link."""

    def __init__(self) -> None:
        self.links: list[_Link] = []
        self._label: list[str] = []
        self._navs = 0
        self._kind = ""
        self._depth = 0
        self._href = ""
        self._alternative = ""

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Begin a list, a line or a link."""
        name = local_name(tag)
        if name == "nav":
            self._begin(attributes)
        elif not self._kind:
            return
        elif name == "a":
            self._href = attributes.get("href", "").strip()
            if self._kind == "landmarks":
                reasons = filter(None, map(REFERENCES.get, _types(attributes)))
                self.links += (_Link("", self._href, 0, reason) for reason in reasons)
        elif name == "img":
            self._alternative = attributes.get("alt", "")
        elif name in ("li", "ol", "ul"):
            self._end_label()
            self._depth += name != "li"

    def end(self, tag: str) -> None:
        """End a list or a line."""
        name = local_name(tag)
        if name == "nav":
            self._end_label()
            self._kind = ""
        elif self._kind and name in ("li", "ol", "ul"):
            self._end_label()
            self._depth -= name != "li"

    def data(self, text: str) -> None:
        """Take the text of a label."""
        if self._kind:
            self._label.append(text)

    def close(self) -> None:
        """End the document."""
        self._end_label()

    def _begin(self, attributes: Mapping[str, str]) -> None:
        types = _types(attributes)
        is_contents = "toc" in types or not types
        if "landmarks" in types:
            self._kind = "landmarks"
        else:
            self._kind = "toc" if is_contents and not self._navs else ""
            self._navs += bool(self._kind)
        self._depth = 0
        self._label.clear()

    def _end_label(self) -> None:
        text = clean_text("".join(self._label)) or self._alternative
        label = " ".join(text.split())
        if label and self._depth and self._kind == "toc":
            self.links.append(_Link(label, self._href, self._depth))
        self._label.clear()
        self._href = self._alternative = ""


def _types(attributes: Mapping[str, str]) -> list[str]:
    values = [v for k, v in attributes.items() if local_name(k) in ("type", "role")]
    return [word.removeprefix("doc-") for word in " ".join(values).lower().split()]


def _ncx_links(data: bytes) -> Iterator[_Link]:
    root = next(parse_xml(data, "toc.ncx").iter("{*}navMap"), None)
    # A stack instead of recursion: the file controls the nesting.
    stack = [(child, 1) for child in reversed(root)] if root is not None else []
    while stack:
        point, depth = stack.pop()
        if local_name(str(point.tag)) != "navpoint":
            continue
        label = next(map(text_of, point.iterchildren("{*}navLabel")), "")
        source = next((attribute(e, "src") for e in point.iterchildren("{*}content")), "")
        yield _Link(label, source, depth)
        stack += [(child, depth + 1) for child in reversed(point)]
