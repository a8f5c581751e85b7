"""EPUBs that are refused, before anything is stored."""

from __future__ import annotations

import io
import stat
import struct
import zipfile

import pytest

from novels.parsing import Limits, ParseError, check_upload, parse_novel
from tests.novels.parsing.epub_files import PROSE, archive, epub, package, page

PAGES = {"a.xhtml": page(f"<p>{PROSE}</p>")}


def refusal(file: io.BytesIO, limits: Limits | None = None) -> str:
    """Return the code with which check and parse both refuse a file."""
    with pytest.raises(ParseError) as checked:
        check_upload(file, "novel.epub", limits)
    with pytest.raises(ParseError) as parsed:
        parse_novel(file, filename="novel.epub", limits=limits)
    assert checked.value.code == parsed.value.code
    assert str(checked.value).endswith(".")
    return checked.value.code


def with_entry(name: str, **attributes: int) -> io.BytesIO:
    """Return a good EPUB with one more entry."""
    file = epub(PAGES)
    with zipfile.ZipFile(file, "a") as output:
        entry = zipfile.ZipInfo("placeholder")
        entry.filename = name
        for key, value in attributes.items():
            setattr(entry, key, value)
        output.writestr(entry, "x")
    file.seek(0)
    return file


@pytest.mark.parametrize(
    "name", ["../evil", "a/../../evil", "/etc/passwd", "a\\..\\evil", "C:/evil", "..", "a\0b"]
)
def test_names_that_point_outside_the_archive_are_refused(name: str) -> None:
    assert refusal(with_entry(name)) == "path_traversal"


def test_symbolic_links_are_refused() -> None:
    file = with_entry("link", external_attr=(stat.S_IFLNK | 0o777) << 16, create_system=3)

    assert refusal(file) == "path_traversal"


@pytest.mark.parametrize("href", ["../../secret.xhtml", "/etc/passwd", "..%2F..%2Fsecret.xhtml"])
def test_links_of_the_package_that_point_outside_are_refused(href: str) -> None:
    assert refusal(epub(PAGES, more={"OEBPS/book.opf": package({href + "#.html": ""})})) == (
        "path_traversal"
    )


def test_a_file_that_shrinks_too_well_is_a_bomb() -> None:
    assert refusal(epub(PAGES, more={"OEBPS/x.svg": b"0" * 3_000_000})) == "zip_bomb"


def test_too_many_files_are_a_bomb() -> None:
    more = {f"OEBPS/{number}": b"" for number in range(20)}

    assert refusal(epub(PAGES, more=more), Limits(max_entries=10)) == "zip_bomb"


def test_too_much_in_total_is_a_bomb() -> None:
    more = {"OEBPS/x": bytes(range(256)) * 4}

    assert refusal(epub(PAGES, more=more), Limits(max_total_bytes=1000)) == "zip_bomb"


def test_more_text_than_allowed_is_a_bomb_while_reading() -> None:
    with pytest.raises(ParseError) as caught:
        parse_novel(epub(PAGES), filename="n.epub", limits=Limits(max_text_bytes=50))

    assert caught.value.code == "zip_bomb"


def test_a_directory_with_false_sizes_is_not_trusted() -> None:
    data = bytearray(epub({"a.xhtml": page("<p>" + "word " * 400_000 + "</p>")}).getvalue())
    at = -1
    # Uncompressed size: offset 24 of the directory's entry, 22 of the local header.
    while (at := data.find(b"PK\x01\x02", at + 1)) >= 0:
        if data[at + 46 :].startswith(b"OEBPS/a.xhtml"):
            struct.pack_into("<L", data, at + 24, 100)

    with pytest.raises(ParseError) as caught:
        parse_novel(io.BytesIO(bytes(data)), filename="n.epub")

    assert caught.value.code == "bad_zip"


def test_a_file_larger_than_the_limit_is_refused() -> None:
    assert refusal(epub(PAGES), Limits(max_file_bytes=100)) == "too_large"


@pytest.mark.parametrize("keep", [10, 100, 600])
def test_a_truncated_file_is_refused(keep: int) -> None:
    assert refusal(io.BytesIO(epub(PAGES).getvalue()[:keep])) == "bad_zip"


def test_damaged_contents_are_refused() -> None:
    data = epub(PAGES).getvalue()
    at = data.index(b"OEBPS/a.xhtml") + len("OEBPS/a.xhtml") + 5

    with pytest.raises(ParseError) as caught:
        parse_novel(io.BytesIO(data[:at] + b"\xff\xff\xff" + data[at + 3 :]), filename="n.epub")

    assert caught.value.code == "bad_zip"


ENCRYPTION = (
    '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><EncryptedData '
    'xmlns="http://www.w3.org/2001/04/xmlenc#">{}</EncryptedData></encryption>'
)


@pytest.mark.parametrize(
    "more",
    [
        {"META-INF/license.lcpl": "{}"},
        {"META-INF/sinf.xml": "<sinf/>"},
        {
            "META-INF/encryption.xml": ENCRYPTION.format(
                '<EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes128-cbc"/>'
            )
        },
        {"META-INF/encryption.xml": ENCRYPTION.format("")},
    ],
)
def test_copy_protection_is_refused(more: dict[str, str]) -> None:
    assert refusal(epub(PAGES, more=more)) == "drm"


def test_a_password_is_refused() -> None:
    data = bytearray(epub(PAGES).getvalue())
    at = -1
    while (at := data.find(b"PK\x01\x02", at + 1)) >= 0:
        data[at + 8] |= 1

    assert refusal(io.BytesIO(bytes(data))) == "drm"


@pytest.mark.parametrize(
    "method", ["http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"]
)
def test_hidden_fonts_are_no_copy_protection(method: str) -> None:
    encryption = ENCRYPTION.format(f'<EncryptionMethod Algorithm="{method}"/>')

    file = epub(PAGES, more={"META-INF/encryption.xml": encryption})

    assert check_upload(file, "novel.epub") == "epub"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"META-INF/container.xml": "<container>"}, "bad_xml"),
        ({"OEBPS/book.opf": "<package><manifest></package>"}, "bad_xml"),
        ({"OEBPS/book.opf": ""}, "bad_xml"),
        (
            {
                "OEBPS/book.opf": '<!DOCTYPE p [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
                "<package>&b;</package>"
            },
            "bad_xml",
        ),
        (
            {
                "META-INF/container.xml": '<!DOCTYPE c [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
                "<container>&x;</container>"
            },
            "bad_xml",
        ),
        ({"META-INF/container.xml": "<container/>"}, "bad_epub"),
        ({"OEBPS/book.opf": "<package/>"}, "bad_epub"),
        ({"OEBPS/book.opf": package({"missing.xhtml": ""})}, "bad_epub"),
        ({"mimetype": "application/zip"}, "bad_epub"),
    ],
)
def test_a_broken_package_is_refused(more: dict[str, str], code: str) -> None:
    assert refusal(epub(PAGES, more=more)) == code


@pytest.mark.parametrize("files", [{}, {"word/document.xml": "<w/>"}])
def test_a_zip_that_is_no_epub_is_refused(files: dict[str, str]) -> None:
    assert refusal(archive(files)) == "bad_epub"


def test_an_epub_without_text_is_refused_by_the_parse() -> None:
    with pytest.raises(ParseError) as caught:
        parse_novel(epub({"a.xhtml": page('<img src="x.png"/>')}), filename="n.epub")

    assert caught.value.code == "empty"


def test_text_with_the_name_of_an_epub_is_refused() -> None:
    assert refusal(io.BytesIO(b"Just text.")) == "bad_zip"


def test_a_missing_mimetype_is_tolerated() -> None:
    with zipfile.ZipFile(epub(PAGES)) as source:
        files = {name: source.read(name) for name in source.namelist() if name != "mimetype"}

    assert check_upload(archive(files), "novel.epub") == "epub"


def test_deeply_nested_package_xml_does_no_harm() -> None:
    nested = "<a>" * 100_000 + "</a>" * 100_000

    assert refusal(epub(PAGES, more={"OEBPS/book.opf": f"<package>{nested}</package>"})) == (
        "bad_xml"
    )
