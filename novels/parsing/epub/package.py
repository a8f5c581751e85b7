"""The package file of an EPUB: metadata, reading order, path of the navigation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element

from novels.parsing.epub.archive import Archive, resolve
from novels.parsing.epub.xml import attribute, elements, parse_xml, text_of
from novels.parsing.errors import ParseError
from novels.parsing.languages import language_code
from novels.parsing.limits import Limits

_CONTAINER: Final = "META-INF/container.xml"
_MIME: Final = b"application/epub+zip"
# Kinds of pages, named in the guide of EPUB 2, that are no text of the author.
_GUIDE_DROPPED: Final = frozenset(
    {"cover", "title-page", "toc", "index", "colophon", "copyright-page", "notes", "loi", "lot"}
)


@dataclass(frozen=True, slots=True)
class Package:
    """The contents of the package file; all names are those of the archive."""

    title: str | None
    author: str | None
    language: str | None
    spine: tuple[str, ...]
    nav: str | None
    ncx: str | None
    dropped: frozenset[str]


def read_package(archive: Archive, limits: Limits) -> Package:
    """Return the package.

    Raises:
        ParseError: Not an EPUB, or one without text.
    """
    name = _package_name(archive, limits)
    root = parse_xml(archive.read(name, max_bytes=limits.max_xml_bytes), name)
    manifest = {attribute(item, "id"): item for item in elements(root, "item")}
    spine = _spine(root, manifest, name, archive)
    if not spine:
        raise _bad("names no text that it contains")
    navs = [i for i in manifest.values() if "nav" in attribute(i, "properties").split()]
    toc_ids = [attribute(element, "toc") for element in elements(root, "spine")]
    ncxs = [manifest[key] for key in toc_ids if key in manifest]
    ncxs += [i for i in manifest.values() if attribute(i, "media-type").endswith("dtbncx+xml")]
    titles = list(elements(root, "title"))
    return Package(
        title=_main_title(root, titles),
        author=_authors(root),
        language=next(
            (c for e in elements(root, "language") if (c := language_code(text_of(e)))), None
        ),
        spine=spine,
        nav=_first(navs, name, archive),
        ncx=_first(ncxs, name, archive),
        dropped=_guide(root, name),
    )


def _package_name(archive: Archive, limits: Limits) -> str:
    if "mimetype" in archive:
        mime = archive.read("mimetype", max_bytes=limits.max_xml_bytes)
        if mime.removeprefix(b"\xef\xbb\xbf").strip() != _MIME:
            raise _bad("says that it is another kind of file")
    if _CONTAINER not in archive:
        raise _bad("has no META-INF/container.xml")
    root = parse_xml(archive.read(_CONTAINER, max_bytes=limits.max_xml_bytes), _CONTAINER)
    for rootfile in elements(root, "rootfile"):
        name = archive.find(resolve("", attribute(rootfile, "full-path")))
        if name is not None:
            return name
    raise _bad("has no package file")


def _spine(
    root: Element, manifest: dict[str, Element], base: str, archive: Archive
) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for itemref in elements(root, "itemref"):
        item = manifest.get(attribute(itemref, "idref"))
        if item is None or attribute(itemref, "linear").lower() == "no":
            continue
        if "html" not in attribute(item, "media-type") or _is_nav(item):
            continue
        name = archive.find(resolve(base, attribute(item, "href")))
        if name is not None:
            names[name] = None
    return tuple(names)


def _is_nav(item: Element) -> bool:
    return "nav" in attribute(item, "properties").split()


def _first(items: list[Element], base: str, archive: Archive) -> str | None:
    return archive.find(resolve(base, attribute(items[0], "href"))) if items else None


def _refinements(root: Element, key: str) -> dict[str, str]:
    """Return the refinements of EPUB 3 by element id: {"#author": "aut"} for key "role"."""
    metas = [meta for meta in elements(root, "meta") if attribute(meta, "property") == key]
    return {attribute(meta, "refines"): text_of(meta) for meta in metas}


def _main_title(root: Element, titles: list[Element]) -> str | None:
    types = _refinements(root, "title-type")
    main = [t for t in titles if types.get(f"#{attribute(t, 'id')}") == "main"]
    return next((text for title in [*main, *titles] if (text := text_of(title))), None)


def _authors(root: Element) -> str | None:
    roles = _refinements(root, "role")
    names: list[str] = []
    others: list[str] = []
    for creator in elements(root, "creator"):
        role = attribute(creator, "role") or roles.get(f"#{attribute(creator, 'id')}", "")
        (names if role in ("", "aut") else others).append(text_of(creator))
    return ", ".join(dict.fromkeys(filter(None, names or others))) or None


def _guide(root: Element, base: str) -> frozenset[str]:
    references = [r for r in elements(root, "reference") if attribute(r, "type") in _GUIDE_DROPPED]
    # A link to a place inside a file says nothing about the whole file.
    hrefs = [href for r in references if "#" not in (href := attribute(r, "href"))]
    return frozenset(resolve(base, href) for href in hrefs)


def _bad(why: str) -> ParseError:
    return ParseError("bad_epub", f"The file is not a usable EPUB: it {why}. Export it again.")
