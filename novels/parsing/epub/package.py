"""The package file of an EPUB: metadata, reading order, path of the navigation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from novels.parsing.epub.archive import CONTAINER, Archive, resolve
from novels.parsing.epub.markup import Element, attribute, broken_xml, parse_xml, text_of
from novels.parsing.epub.vocabulary import REFERENCES
from novels.parsing.languages import language_code
from novels.parsing.model import ParseError

_MIME: Final = b"application/epub+zip"
_PACKAGE_MIME: Final = "application/oebps-package+xml"
_NCX_MIME: Final = "application/x-dtbncx+xml"
# Documents of these types are pages; one of an unknown type is, unless it has a fallback.
_PAGE_TYPES: Final = ("html", "dtbook", "oeb1-document")
_NO_PAGES: Final = ("image/", "audio/", "video/", "font/", "text/css", "application/pdf")
_SVG: Final = "image/svg+xml"
_MOST_FALLBACKS: Final = 10

# Obfuscated fonts do not protect the text.
_FONT_METHODS: Final = frozenset(
    {"http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"}
)
# Licences of Readium LCP and Apple FairPlay. Adobe's rights.xml also remains in books whose
# protection was removed, or that were sold without: there encryption.xml tells.
_LICENCES: Final = ("META-INF/license.lcpl", "META-INF/sinf.xml")
# Pictures and sounds alone may be encrypted: the text can be read.
_NO_TEXT: Final = tuple(
    ".jpg .jpeg .png .gif .webp .mp3 .mp4 .m4a .ogg .otf .ttf .woff .css".split()
)
_ENCRYPTION: Final = "META-INF/encryption.xml"


@dataclass(frozen=True, slots=True)
class SpineItem:
    """A document of the reading order."""

    # In the archive; of a missing document as the package writes it.
    name: str
    # Why it cannot be read; empty if it can.
    missing: str = ""
    # Whether it belongs to the main reading order.
    is_linear: bool = True
    # The refusal if no other document can be read either.
    error: ParseError | None = None


@dataclass(frozen=True, slots=True)
class Package:
    """The contents of the package file; all names are those of the archive."""

    title: str | None
    author: str | None
    language: str | None
    spine: tuple[SpineItem, ...]
    nav: str | None
    ncx: str | None
    # The reason to leave out a document that the guide calls cover, imprint and the like.
    declared: Mapping[str, str]


def read_package(archive: Archive) -> Package:
    """Return the package; refuse one that is protected, not an EPUB, or without text."""
    _refuse_protected(archive)
    name = _package_name(archive)
    root = parse_xml(archive.read(name), name)
    manifest = _Manifest(root, name, archive)
    spine = tuple(dict.fromkeys(manifest.spine(root)))
    if all(item.missing for item in spine):
        raise next((item.error for item in spine if item.error), None) or _no_text(root, name)
    navs = [item for item in manifest.items if "nav" in attribute(item, "properties").split()]
    toc_ids = [attribute(element, "toc") for element in root.iter("{*}spine")]
    ncxs = [manifest.by_id[key] for key in toc_ids if key in manifest.by_id]
    ncxs += [item for item in manifest.items if media_type(item) == _NCX_MIME]
    ncxs += [item for item in manifest.items if attribute(item, "href").lower().endswith(".ncx")]
    titles = list(root.iter("{*}title")) + list(root.iter("{*}Title"))
    return Package(
        title=_main_title(root, titles),
        author=_authors(root),
        language=next(
            (c for e in root.iter("{*}language") if (c := language_code(text_of(e)))), None
        ),
        spine=spine,
        nav=next(filter(None, map(manifest.find, navs)), None),
        ncx=next(filter(None, map(manifest.find, ncxs)), None),
        declared=_guide(root, name, archive),
    )


def media_type(item: Element) -> str:
    """Return the media type of an item, without parameters."""
    return attribute(item, "media-type").partition(";")[0].strip().lower()


class _Manifest:
    """The files that the package lists."""

    def __init__(self, root: Element, base: str, archive: Archive) -> None:
        self.items = list(root.iter("{*}item"))
        self.by_id: dict[str, Element] = {}
        for item in self.items:
            self.by_id.setdefault(attribute(item, "id"), item)
        self._base = base
        self._archive = archive

    def find(self, item: Element) -> str | None:
        """Return the file of an item, None if it is not in the archive."""
        try:
            return self._archive.find(resolve(self._base, attribute(item, "href")))
        except ParseError:
            return self._archive.find(attribute(item, "href").lstrip("/"))

    def spine(self, root: Element) -> Iterator[SpineItem]:
        """Yield the documents of the reading order, also those that cannot be read."""
        references = list(root.iter("{*}itemref"))
        for reference in references:
            item = self.by_id.get(attribute(reference, "idref"))
            if item is None:
                yield SpineItem(attribute(reference, "idref"), "not in the package's list of files")
            else:
                yield self._item(item, attribute(reference, "linear").lower() != "no")
        if not references:
            pages = (item for item in self.items if "html" in media_type(item))
            yield from (self._item(page, True) for page in pages)

    def _item(self, item: Element, is_linear: bool) -> SpineItem:
        page = self._page(item)
        if page is None:
            return SpineItem(
                attribute(item, "href"), f"not text, but {media_type(item)}", is_linear
            )
        name = self.find(page)
        if name is not None:
            return SpineItem(name, "", is_linear)
        href = attribute(page, "href")
        try:
            resolve(self._base, href)
        except ParseError as error:
            return SpineItem(href, "its address leads out of the EPUB", is_linear, error)
        return SpineItem(href, "not in the archive", is_linear)

    def _page(self, item: Element) -> Element | None:
        """Return the item, or the fallback that is a page."""
        seen: Element | None = item
        for _ in range(_MOST_FALLBACKS):
            if seen is None:
                break
            if any(kind in media_type(seen) for kind in _PAGE_TYPES):
                return seen
            seen = self.by_id.get(attribute(seen, "fallback"))
        kind = media_type(item)
        return None if kind.startswith(_NO_PAGES) and kind != _SVG else item


def _package_name(archive: Archive) -> str:
    if "mimetype" in archive:
        mime = archive.read("mimetype")
        if mime.strip() and _MIME not in mime.lower():
            raise _bad("says that it is another kind of file")
    container = archive.find(CONTAINER)
    if container is None:
        raise _bad("has no META-INF/container.xml")
    root = parse_xml(archive.read(container), CONTAINER)
    files = list(root.iter("{*}rootfile"))
    # A book may have other forms beside the EPUB, such as a PDF.
    files.sort(key=lambda file: media_type(file) not in (_PACKAGE_MIME, ""))
    for file in files:
        name = archive.find(resolve("", attribute(file, "full-path").lstrip("/")))
        if name is not None:
            return name
    raise _bad("has no package file") if not _is_unsound(root) else broken_xml(CONTAINER)


def _is_unsound(root: Element) -> bool:
    """Return whether a file is broken, or declares entities, which may stand for its content."""
    log = root.getroottree().parser
    has_errors = log is not None and len(log.error_log) > 0
    return has_errors or bool(root.getroottree().docinfo.internalDTD is not None)


def _no_text(root: Element, name: str) -> ParseError:
    return broken_xml(name) if _is_unsound(root) else _bad("names no text that it contains")


def _refinements(root: Element, key: str) -> dict[str, str]:
    """Return the refinements of EPUB 3 by element id: {"#author": "aut"} for key "role"."""
    metas = [meta for meta in root.iter("{*}meta") if attribute(meta, "property") == key]
    return {attribute(meta, "refines"): text_of(meta) for meta in metas}


def _main_title(root: Element, titles: list[Element]) -> str | None:
    types = _refinements(root, "title-type")
    main = [t for t in titles if types.get(f"#{attribute(t, 'id')}") == "main"]
    return next((text for title in [*main, *titles] if (text := text_of(title))), None)


def _authors(root: Element) -> str | None:
    roles = _refinements(root, "role")
    names: list[str] = []
    others: list[str] = []
    for creator in [*root.iter("{*}creator"), *root.iter("{*}Creator")]:
        role = attribute(creator, "role") or roles.get(f"#{attribute(creator, 'id')}", "")
        (names if role in ("", "aut") else others).append(text_of(creator))
    return ", ".join(dict.fromkeys(filter(None, names or others))) or None


def _guide(root: Element, base: str, archive: Archive) -> dict[str, str]:
    references: dict[str, str] = {}
    for reference in root.iter("{*}reference"):
        reason = REFERENCES.get(attribute(reference, "type").lower())
        href = attribute(reference, "href")
        # A link to a place inside a file says nothing about the whole file.
        if reason is None or not href or "#" in href:
            continue
        try:
            name = archive.find(resolve(base, href))
        except ParseError:
            continue
        if name is not None:
            references.setdefault(name, reason)
    return references


def _bad(why: str) -> ParseError:
    return ParseError("bad_epub", f"The file is not a usable EPUB: it {why}. Export it again.")


def _refuse_protected(archive: Archive) -> None:
    """Refuse a book with DRM; embedded fonts may be obfuscated."""
    if any(archive.find(name) for name in _LICENCES):
        raise _protection_error()
    name = archive.find(_ENCRYPTION)
    if name is None:
        return
    root = parse_xml(archive.read(name), name)
    for data in root.iter("{*}EncryptedData"):
        methods = [attribute(element, "Algorithm") for element in data.iter("{*}EncryptionMethod")]
        is_font = bool(methods) and all(method in _FONT_METHODS for method in methods)
        files = [attribute(file, "URI").lower() for file in data.iter("{*}CipherReference")]
        if not is_font and not (files and all(file.endswith(_NO_TEXT) for file in files)):
            raise _protection_error()


def _protection_error() -> ParseError:
    return ParseError(
        "drm", "The EPUB is copy-protected (DRM) and cannot be read. Upload an unprotected copy."
    )
