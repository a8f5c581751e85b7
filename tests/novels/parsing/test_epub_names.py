"""EPUBs as they are in the wild: names, media types, addresses and archives that are a bit off."""

from __future__ import annotations

import io
import unicodedata
import zipfile
from collections.abc import Mapping

import pytest

from novels.parsing import ParsedNovel, check_upload, parse_novel
from tests.novels.parsing.epub_files import PROSE, archive, epub, link, nav, ncx, page, point

P = f"<p>{PROSE}</p>"
LABELS = ["The Harbour", "The Kettle", "The Bridge"]
PAGES = {f"c{n}.xhtml": page(f"<h2>{label}</h2>{P}") for n, label in enumerate(LABELS)}
LINKS = [link(name, label) for name, label in zip(PAGES, LABELS, strict=True)]


def parse(file: io.BytesIO) -> ParsedNovel:
    assert check_upload(file, "novel.epub") == "epub"
    return parse_novel(file, filename="novel.epub")


def titles(file: io.BytesIO) -> list[str]:
    return [chapter.title for chapter in parse(file).chapters]


def files_of(file: io.BytesIO) -> dict[str, bytes]:
    with zipfile.ZipFile(file) as source:
        return {name: source.read(name) for name in source.namelist()}


def book(more_links: str = "", pages: Mapping[str, str] = PAGES) -> io.BytesIO:
    return epub({"nav.xhtml": nav(more_links + "".join(LINKS)), **pages})


def changed_package(*changes: tuple[str, str]) -> io.BytesIO:
    """Return the book with a changed package file."""
    files = files_of(book())
    package = files["OEBPS/book.opf"].decode()
    for before, after in changes:
        assert before in package
        package = package.replace(before, after)
    return archive({**files, "OEBPS/book.opf": package})


@pytest.mark.parametrize(
    "odd",
    [
        link("../../../toc.html", "Back to the shop"),
        link("/", "Home"),
        link("C:\\Users\\me\\cover.html", "Cover"),
        link("missing.xhtml", "Missing"),
        link("https://example.org/", "Shop"),
        '<li><a href="">Nothing</a></li>',
    ],
)
def test_an_odd_link_in_the_contents_costs_its_own_line_alone(odd: str) -> None:
    assert titles(book(odd)) == LABELS


def test_an_odd_point_and_entities_in_an_ncx_cost_nothing_else() -> None:
    points = point("C:\\cover.html", "Cover") + point("c0.xhtml", "The&nbsp;Harbour")
    points += "".join(point(name, label) for name, label in [*zip(PAGES, LABELS, strict=True)][1:])

    assert titles(epub({**PAGES, "toc.ncx": ncx(points)})) == LABELS


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("Text\\c{}.xhtml", "Text/c{}.xhtml"),
        ("C{}.XHTML", "c{}.xhtml"),
        ("my%20c{}.xhtml", "my c{}.xhtml"),
        (" c{}.xhtml ", "c{}.xhtml"),
        (unicodedata.normalize("NFC", "é{}.xhtml"), unicodedata.normalize("NFD", "é{}.xhtml")),
        (unicodedata.normalize("NFD", "é{}.xhtml"), unicodedata.normalize("NFC", "é{}.xhtml")),
    ],
)
def test_links_find_files_that_are_spelled_otherwise(written: str, stored: str) -> None:
    files = files_of(book())
    for n in range(3):
        for name in ("OEBPS/book.opf", "OEBPS/nav.xhtml"):
            files[name] = files[name].replace(b"c%d.xhtml" % n, written.format(n).encode())
        files[f"OEBPS/{stored.format(n)}"] = files.pop(f"OEBPS/c{n}.xhtml")

    assert titles(archive(files)) == LABELS


def test_names_in_utf_8_are_found_without_the_flag_that_says_so() -> None:
    pages = {f"глава-{n}.xhtml": text for n, text in enumerate(PAGES.values())}
    links = "".join(link(name, label) for name, label in zip(pages, LABELS, strict=True))
    data = bytearray(epub({"nav.xhtml": nav(links), **pages}).getvalue())
    for header, offset in ((b"PK\x01\x02", 9), (b"PK\x03\x04", 7)):
        at = -1
        while (at := data.find(header, at + 1)) >= 0:
            data[at + offset] &= ~0x08

    assert titles(io.BytesIO(bytes(data))) == LABELS


@pytest.mark.parametrize(
    "change",
    [
        ("application/xhtml+xml", "APPLICATION/XHTML+XML"),
        ("application/xhtml+xml", ""),
        ("application/xhtml+xml", "application/xml"),
        ("application/xhtml+xml", "text/x-oeb1-document"),
        ("application/xhtml+xml", "application/x-dtbook+xml"),
        ("application/xhtml+xml", "text/html; charset=utf-8"),
        ('id="i1"', 'id=" i1 "'),
        ("<itemref ", '<itemref linear="no" '),
        ("<package", '<!DOCTYPE package [<!ENTITY pub "Copper Press">]>\n<package'),
        ("<package", '\n<?xml version="1.0"?>\n<package'),
        ("The Storm", "The&nbsp;Storm &unknown; &"),
    ],
)
def test_an_odd_package_is_read(change: tuple[str, str]) -> None:
    assert titles(changed_package(change)) == LABELS


def test_a_document_that_is_no_page_has_a_fallback() -> None:
    item = '<item id="i1" href="c0.xhtml" media-type="application/xhtml+xml"/>'
    other = '<item id="i1" href="c0.pdf" fallback="f" media-type="application/pdf"/>'

    assert titles(changed_package((item, other + item.replace("i1", "f")))) == LABELS


def test_a_page_outside_the_reading_order_that_the_contents_list_is_a_chapter() -> None:
    file = changed_package(('<itemref idref="i2"', '<itemref linear="no" idref="i2"'))

    assert titles(file) == LABELS


def test_missing_documents_are_named() -> None:
    files = files_of(book())
    del files["OEBPS/c1.xhtml"]

    novel = parse(archive(files))

    assert [chapter.title for chapter in novel.chapters] == ["The Harbour", "The Bridge"]
    assert novel.warnings[0].detail == "1 of 3 documents left out: c1.xhtml (not in the archive)."


def test_a_book_in_a_folder_is_read() -> None:
    assert titles(archive({f"Book.epub/{n}": data for n, data in files_of(book()).items()})) == (
        LABELS
    )


def test_line_ends_before_the_archive_are_ignored() -> None:
    assert titles(io.BytesIO(b"\r\n" + book().getvalue())) == LABELS


def test_an_archive_in_bzip2_is_read() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_BZIP2) as output:
        for name, data in files_of(book()).items():
            output.writestr(name, data)

    assert titles(stream) == LABELS


def test_a_damaged_document_costs_itself_alone() -> None:
    data = bytearray(book().getvalue())
    at = data.index(b"OEBPS/c1.xhtml") + len("OEBPS/c1.xhtml") + 5
    data[at : at + 3] = b"\xff\xff\xff"

    novel = parse(io.BytesIO(bytes(data)))

    assert [chapter.title for chapter in novel.chapters] == ["The Harbour", "The Bridge"]
    assert (novel.left_out[0].name, novel.left_out[0].reason) == ("OEBPS/c1.xhtml", "damaged")


def test_rights_without_encryption_protect_nothing() -> None:
    assert titles(archive({**files_of(book()), "META-INF/rights.xml": "<rights/>"})) == LABELS


def test_encrypted_pictures_do_not_hide_the_text() -> None:
    encryption = (
        '<encryption><EncryptedData><EncryptionMethod Algorithm="aes"/><CipherData>'
        '<CipherReference URI="OEBPS/cover.JPG"/></CipherData></EncryptedData></encryption>'
    )

    assert titles(archive({**files_of(book()), "META-INF/encryption.xml": encryption})) == LABELS
