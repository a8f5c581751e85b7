"""Pages of an EPUB that are not well-formed, have bytes or entities that are odd, or notes."""

from __future__ import annotations

import io

import pytest

from novels.parsing import ParsedNovel, parse_novel
from tests.novels.parsing.epub_files import PROSE, epub, link, nav, page

P = f"<p>{PROSE}</p>"


def parse(file: io.BytesIO) -> ParsedNovel:
    return parse_novel(file, filename="novel.epub")


def content(body: str) -> str:
    """Return the text of a book with one page."""
    return "\n\n".join(chapter.content for chapter in parse(epub({"a.xhtml": page(body)})).chapters)


@pytest.mark.parametrize(
    "body",
    [
        f'<p>First.</p><span class="pagenum">[Pg 1]{P}{P}',
        f'<p>First.</p><p><span class="pagenum">1{P}{P}',
        f'<p>First.<a epub:type="noteref" href="#n">1</p>{P}{P}',
    ],
)
def test_an_unclosed_page_number_ends_with_its_paragraph(body: str) -> None:
    assert content(body).startswith("First.") and content(body).endswith(f"{PROSE}\n\n{PROSE}")


def test_text_in_an_element_that_claims_to_be_a_page_number_is_kept() -> None:
    assert content(f'<p><span class="pagenum">12 {PROSE}</span></p>') == f"12 {PROSE}"


def test_entities_of_the_pages_own_dtd_are_expanded() -> None:
    source = (
        '<?xml version="1.0"?><!DOCTYPE html [<!ENTITY hero "Marguerite"><!ENTITY ship "Gull">]>'
        "<html><body><p>&hero; walked to the &ship; &mdash; &unknown;.</p></body></html>"
    )

    [chapter] = parse(epub({"a.xhtml": source})).chapters

    assert chapter.content == "Marguerite walked to the Gull — &unknown;."


def test_nothing_outside_of_the_page_is_loaded() -> None:
    source = (
        '<!DOCTYPE html [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
        "<html><body><p>Text &x; text.</p></body></html>"
    )

    [chapter] = parse(epub({"a.xhtml": source})).chapters

    assert chapter.content in ("Text &x; text.", "Text  text.", "Text text.")


def test_entities_that_grow_without_end_are_not_expanded() -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    source = (
        f'<!DOCTYPE html [<!ENTITY e0 "{"a" * 100}">{entities}]>'
        "<html><body><p>Text &e11;.</p></body></html>"
    )

    [chapter] = parse(epub({"a.xhtml": source})).chapters

    assert chapter.content.startswith("Text ") and len(chapter.content) < 1_000


def test_one_invalid_byte_is_one_replacement_character_and_a_warning() -> None:
    pages = {"a.xhtml": page(f"<p>Élodie a trouvé la clé dor\udcc3e.</p>{P}")}
    more = {"OEBPS/a.xhtml": pages["a.xhtml"].encode("utf-8", "surrogateescape")}

    novel = parse(epub({"a.xhtml": ""}, more=more))

    assert novel.chapters[0].content.startswith("Élodie a trouvé la clé dor\ufffde.")
    assert [warning.code for warning in novel.warnings] == ["undecodable_bytes"]


def test_an_anchor_of_the_contents_inside_a_long_paragraph_cuts_it() -> None:
    body = f'<p>{PROSE}<a id="two"></a>{PROSE}</p>'
    links = link("a.xhtml", "Home") + link("a.xhtml#two", "Away")

    chapters = parse(epub({"nav.xhtml": nav(links), "a.xhtml": page(body)})).chapters

    assert [(chapter.title, chapter.content) for chapter in chapters] == [
        ("Home", PROSE),
        ("Away", PROSE),
    ]


def test_an_anchor_at_the_end_of_a_paragraph_means_the_next_one() -> None:
    body = f'<h2>Home</h2><p>{PROSE}<a id="two"></a></p><h2>Away</h2>{P}'
    links = link("a.xhtml", "Home") + link("a.xhtml#two", "Away")

    chapters = parse(epub({"nav.xhtml": nav(links), "a.xhtml": page(body)})).chapters

    assert [chapter.content for chapter in chapters] == [PROSE, PROSE]


# The mark and the note, as each program writes them.
WORD = (
    '<a href="#_ftn1" name="_ftnref1"><sup>[1]</sup></a>',
    '<div id="ftn1"><p><a href="#_ftnref1" name="_ftn1">[1]</a> A kind of lamp.</p></div>',
)
LIBREOFFICE = (
    '<a class="sdfootnoteanc" name="sdfootnote1anc" href="#sdfootnote1sym"><sup>1</sup></a>',
    '<div id="sdfootnote1"><p class="sdfootnote"><a class="sdfootnotesym" '
    'name="sdfootnote1sym" href="#sdfootnote1anc">1</a>A kind of lamp.</p></div>',
)
CALIBRE = (
    '<a id="filepos100" href="#filepos900"><sup>1</sup></a>',
    '<p id="filepos900"><a href="#filepos100">1</a> A kind of lamp.</p>',
)
PANDOC = (
    '<a href="#fn1" id="fnref1"><sup>1</sup></a>',
    '<hr/><ol><li id="fn1"><p>A kind of lamp.</p><p>Of tin. <a href="#fnref1">↩</a></p></li></ol>',
)
BRACKETS = (
    '[<a id="r1" href="#x1">*</a>]',
    '<h3>Notes</h3><p id="x1">[<a href="#r1">*</a>] A kind of lamp.</p>',
)


@pytest.mark.parametrize(("mark", "note"), [WORD, LIBREOFFICE, CALIBRE, PANDOC, BRACKETS])
def test_notes_and_their_marks_are_removed_and_counted(mark: str, note: str) -> None:
    novel = parse(epub({"a.xhtml": page(f"<p>The lamp{mark} was lit.</p>{P}{note}")}))

    assert [chapter.content for chapter in novel.chapters] == [f"The lamp was lit.\n\n{PROSE}"]
    assert [part.name for part in novel.left_out] == ["notes"]
    assert novel.warnings[0].code == "passages_left_out"


def test_numbers_that_are_links_to_chapters_are_no_notes() -> None:
    toc = (
        '<p>Stories: <a id="t1" href="#c1">1</a> and <a id="t2" href="#c2">2</a> of this book.</p>'
    )
    body = "".join(f'<h2 id="c{n}">Story <a href="#t{n}">{n}</a></h2>{P}' for n in (1, 2))

    assert content(toc + body).count(PROSE) == 2
    assert "Stories: 1 and 2 of this book." in content(toc + body)


def test_drawn_initials_are_letters() -> None:
    assert content('<p><img src="n.png" alt="N"/>obody saw him.</p>') == "Nobody saw him."


def test_long_text_of_a_wrong_type_is_kept() -> None:
    text = " ".join([PROSE] * 20)

    assert content(f'<section epub:type="titlepage"><p>{text}</p></section>') == text
