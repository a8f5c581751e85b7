"""EPUB: chapters by spine and navigation, without text that the author did not write."""

from __future__ import annotations

import io

import pytest

from novels.parsing import ParsedNovel, check_upload, parse_novel
from tests.novels.parsing.epub_files import PROSE, epub, link, nav, ncx, page, point

P = f"<p>{PROSE}</p>"


def parse(file: io.BytesIO) -> ParsedNovel:
    assert check_upload(file, "novel.epub") == "epub"
    return parse_novel(file, filename="novel.epub")


def contents(file: io.BytesIO) -> list[tuple[str, str]]:
    return [(chapter.title, chapter.content) for chapter in parse(file).chapters]


def test_metadata_come_from_the_package() -> None:
    novel = parse(epub({"a.xhtml": page(P)}))

    assert (novel.title, novel.author, novel.language) == ("The Storm", "Ann Author", "en")


def test_the_main_title_and_only_authors_are_taken() -> None:
    metadata = (
        '<dc:title id="s">A Tale</dc:title><meta refines="#s" property="title-type">subtitle</meta>'
        '<dc:title id="m">The Storm</dc:title><meta refines="#m" property="title-type">main</meta>'
        '<dc:creator id="i">Ian Painter</dc:creator><meta refines="#i" property="role">ill</meta>'
        '<dc:creator>Ann Author</dc:creator><dc:creator opf:role="aut">Bob Author</dc:creator>'
        "<dc:language>und</dc:language><dc:language>ger</dc:language>"
    )

    novel = parse(epub({"a.xhtml": page(P)}, metadata=metadata))

    assert novel.title == "The Storm"
    assert (novel.author, novel.language) == ("Ann Author, Bob Author", "de")


def test_chapters_follow_an_epub_3_navigation() -> None:
    links = link("a.xhtml", "Chapter 1: Home") + link("b.xhtml", "Chapter 2: Away")
    pages = {
        "nav.xhtml": nav(links),
        "a.xhtml": page(f"<h2>Chapter 1</h2><h3>Home</h3>{P}"),
        "b.xhtml": page(f"<h2>Chapter 2: Away</h2>{P}"),
    }

    assert contents(epub(pages)) == [("Home", PROSE), ("Away", PROSE)]


def test_chapters_follow_an_epub_2_navigation_with_parts() -> None:
    points = point("p1.html", "Part One", point("a.html", "1") + point("b.html", "2"))
    points += point("p2.html", "Part Two", point("c.html", "1"))
    pages = {
        "p1.html": page("<h1>Part One</h1>"),
        "a.html": page(f"<h2>1</h2>{P}"),
        "b.html": page(f"<h2>2</h2>{P}"),
        "p2.html": page("<h1>Part Two</h1>"),
        "c.html": page(f"<h2>1</h2>{P}"),
        "toc.ncx": ncx(points),
    }

    assert contents(epub(pages)) == [
        ("Part One — Chapter 1", PROSE),
        ("Part One — Chapter 2", PROSE),
        ("Part Two — Chapter 1", PROSE),
    ]


def test_several_chapters_in_one_file_are_cut_at_the_fragments() -> None:
    pages = {
        "nav.xhtml": nav(link("a.xhtml#one", "One Day") + link("a.xhtml#two", "Another Day")),
        "a.xhtml": page(f'<h2 id="one">One Day</h2>{P}<a id="two"/><h2>Another Day</h2>{P}{P}'),
    }

    assert contents(epub(pages)) == [("One Day", PROSE), ("Another Day", f"{PROSE}\n\n{PROSE}")]


def test_a_chapter_may_run_over_several_files() -> None:
    pages = {
        "nav.xhtml": nav(link("a.xhtml", "Chapter 1") + link("c.xhtml", "Chapter 2")),
        "a.xhtml": page(f"<h2>Chapter 1</h2>{P}"),
        "b.xhtml": page(P),
        "c.xhtml": page(f"<h2>Chapter 2</h2>{P}"),
    }

    assert contents(epub(pages)) == [
        ("Chapter 1", f"{PROSE}\n\n{PROSE}"),
        ("Chapter 2", PROSE),
    ]


def test_without_navigation_headings_count() -> None:
    pages = {
        "a.xhtml": page(f"<h1>The Storm</h1><h2>Home</h2>{P}"),
        "b.xhtml": page(f"<h2>Away</h2>{P}"),
        "c.xhtml": page(P),
    }

    assert contents(epub(pages)) == [("Home", PROSE), ("Away", f"{PROSE}\n\n{PROSE}")]


def test_navigation_by_file_gives_way_to_numbered_headings_inside() -> None:
    body = "".join(f"<h2>Chapter {n}</h2>{P}" for n in range(1, 6))
    pages = {"nav.xhtml": nav(link("a.xhtml", "The Storm")), "a.xhtml": page(body)}

    assert contents(epub(pages)) == [(f"Chapter {n}", PROSE) for n in range(1, 6)]


def test_headings_typed_as_paragraphs_are_found() -> None:
    body = f"<p>CHAPTER I</p>{P}<p>CHAPTER II</p>{P}"

    assert contents(epub({"a.xhtml": page(body)})) == [("CHAPTER I", PROSE), ("CHAPTER II", PROSE)]


def test_a_book_without_any_heading_is_one_chapter() -> None:
    assert contents(epub({"a.xhtml": page(P), "b.xhtml": page(P)})) == [
        ("The Storm", f"{PROSE}\n\n{PROSE}")
    ]


def test_sections_of_a_chapter_are_no_chapters() -> None:
    inner = '<ol><li><a href="a.xhtml#s1">I.</a></li><li><a href="a.xhtml#s2">II.</a></li></ol>'
    links = f'<li><a href="a.xhtml">I. HOME</a>{inner}</li>' + link("b.xhtml", "II. AWAY")
    pages = {
        "nav.xhtml": nav(links),
        "a.xhtml": page(f'<h2>I. HOME</h2><h3 id="s1">I.</h3>{P}<h3 id="s2">II.</h3>{P}'),
        "b.xhtml": page(f"<h2>II. AWAY</h2>{P}"),
    }

    assert contents(epub(pages)) == [
        ("HOME", f"I.\n\n{PROSE}\n\nII.\n\n{PROSE}"),
        ("AWAY", PROSE),
    ]


def test_prologue_interlude_and_epilogue_join_the_numbered_chapters() -> None:
    labels = ["Prologue", "Chapter 1", "Interlude", "Chapter 2", "Epilogue"]
    links = "".join(link(f"{n}.xhtml", label) for n, label in enumerate(labels))
    pages = {"nav.xhtml": nav(links)}
    pages |= {f"{n}.xhtml": page(f"<h2>{label}</h2>{P}") for n, label in enumerate(labels)}

    assert contents(epub(pages)) == [
        ("Chapter 1", f"Prologue\n\n{PROSE}\n\nChapter 1\n\n{PROSE}\n\nInterlude\n\n{PROSE}"),
        ("Chapter 2", f"{PROSE}\n\nEpilogue\n\n{PROSE}"),
    ]


def test_a_prologue_of_a_book_without_numbers_is_a_chapter() -> None:
    labels = ["Prologue", "Home", "Away"]
    links = "".join(link(f"{n}.xhtml", label) for n, label in enumerate(labels))
    pages = {"nav.xhtml": nav(links)}
    pages |= {f"{n}.xhtml": page(f"<h2>{label}</h2>{P}") for n, label in enumerate(labels)}

    assert contents(epub(pages)) == [(label, PROSE) for label in labels]


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("Title Page", ""),
        ("Contents", ""),
        ("Copyright", ""),
        ("Anything", "titlepage"),
        ("Anything", "imprint"),
        ("Anything", "colophon"),
        ("Anything", "copyright-page"),
        ("Anything", "endnotes"),
    ],
)
def test_publishers_pages_are_no_chapters(label: str, kind: str) -> None:
    links = link("x.xhtml", label) + link("a.xhtml", "Chapter 1") + link("b.xhtml", "Chapter 2")
    pages = {
        "nav.xhtml": nav(links + link("y.xhtml", label)),
        "x.xhtml": page(f'<section epub:type="{kind}"><h2>{label}</h2>{P}</section>'),
        "a.xhtml": page(f"<h2>Chapter 1</h2>{P}"),
        "b.xhtml": page(f"<h2>Chapter 2</h2>{P}"),
        "y.xhtml": page(f'<section epub:type="{kind}"><h2>{label}</h2>{P}</section>'),
    }

    texts = [content for _, content in contents(epub(pages))]

    assert [text.replace(f"\n\n{label}", "") for text in texts] == [PROSE, PROSE]


def test_a_page_that_only_its_heading_calls_contents_is_dropped() -> None:
    pages = {"x.xhtml": page(f"<h2>Contents</h2>{P}"), "a.xhtml": page(P)}

    assert contents(epub(pages)) == [("The Storm", PROSE)]


def test_a_page_that_only_the_navigation_calls_copyright_is_dropped() -> None:
    links = link("a.xhtml", "Chapter 1") + link("b.xhtml", "Chapter 2")
    pages = {
        "nav.xhtml": nav(links + link("x.xhtml", "Copyright")),
        "a.xhtml": page(f"<h2>Chapter 1</h2>{P}"),
        "b.xhtml": page(f"<h2>Chapter 2</h2>{P}"),
        "x.xhtml": page(P),
    }

    assert contents(epub(pages)) == [("Chapter 1", PROSE), ("Chapter 2", PROSE)]


def test_named_sections_of_a_chapter_are_no_chapters() -> None:
    inner = "".join(link(f"a.xhtml#s{n}", f"A Scene {n}") for n in range(3))
    links = f'<li><a href="a.xhtml">Home</a><ol>{inner}</ol></li>' + link("b.xhtml", "Away")
    scenes = "".join(f'<h3 id="s{n}">A Scene {n}</h3>{P}' for n in range(3))
    pages = {
        "nav.xhtml": nav(links),
        "a.xhtml": page(f"<h2>Home</h2>{P}{scenes}"),
        "b.xhtml": page(f"<h2>Away</h2>{P}"),
    }

    assert [title for title, _ in contents(epub(pages))] == ["Home", "Away"]


def test_pages_that_the_guide_calls_cover_or_rights_are_dropped() -> None:
    guide = '<guide><reference type="copyright-page" href="x.xhtml"/></guide>'
    pages = {"x.xhtml": page("<p>Some words on rights and such.</p>"), "a.xhtml": page(P)}

    assert contents(epub(pages, extra=guide)) == [("The Storm", PROSE)]


def test_non_linear_pages_are_skipped() -> None:
    pages = {"a.xhtml": page(P), "b.xhtml": page("<p>An aside.</p>")}

    assert contents(epub(pages, skip="b.xhtml")) == [("The Storm", PROSE)]


def test_gutenberg_header_and_licence_in_an_epub_are_dropped() -> None:
    pages = {
        "a.xhtml": page(
            "<p>The Project Gutenberg eBook of The Storm</p><p>Free of charge to everyone.</p>"
            "<p>*** START OF THE PROJECT GUTENBERG EBOOK THE STORM ***</p>"
            f"<p>Produced by Volunteers</p><h2>CHAPTER I.</h2>{P}<h2>CHAPTER II.</h2>{P}"
            "<p>*** END OF THE PROJECT GUTENBERG EBOOK THE STORM ***</p><p>Section 1. Terms</p>"
        ),
        "b.xhtml": page('<div id="pg-footer"><p>Licence</p></div>'),
    }

    assert contents(epub(pages)) == [("CHAPTER I", PROSE), ("CHAPTER II", PROSE)]


def test_an_empty_line_below_a_heading_is_no_text() -> None:
    """Between two <br> of one paragraph, where no word follows the heading."""
    pages = {
        "a.xhtml": page(
            f"<p>Chapter 1<br/><br/>It rained.</p>{P}<p>Chapter 2<br/><br/>It was dry.</p>{P}"
        )
    }

    assert contents(epub(pages)) == [
        ("Chapter 1", f"It rained.\n\n{PROSE}"),
        ("Chapter 2", f"It was dry.\n\n{PROSE}"),
    ]


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>caf&eacute;&nbsp;&mdash; R&amp;D &lt;3 &#8217;</p>", "café — R&D <3 ’"),
        ("<p>one<br/>two<br>three</p>", "one\ntwo\nthree"),
        ("<p>four<br/><br/>five</p>", "four\n\nfive"),
        ("<p>a<b>b<i>c</i></b>d\n  e</p>", "abcd e"),
        ("<p>unclosed <p>next & last", "unclosed\n\nnext & last"),
        ("<p>a</p><hr/><p>b</p>", "a\n\n* * *\n\nb"),
        ("<p>a</p><!-- <p>no</p> --><style>p {}</style><script>x<y</script><p>b</p>", "a\n\nb"),
        ("<p><![CDATA[5 < 6]]></p>", "5 < 6"),
        ('<p>text<a epub:type="noteref" href="n.xhtml#n1">1</a>.</p>', "text."),
        ('<p>text<sup><a href="n.xhtml#fn1">[1]</a></sup>.</p>', "text."),
        ('<p>text<span class="pagenum">12</span>.</p>', "text."),
        ('<p>text</p><aside epub:type="footnote"><p>note</p></aside>', "text"),
        ("<ul><li>one</li><li>two</li></ul>", "one\n\ntwo"),
        ("<table><tr><td>a</td><td>b</td></tr></table>", "a b"),
        ("<pre>a\n   b</pre>", "a\n   b"),
        ('<p title="a > b">c</p>', "c"),
        ("<p>Mr.\u00a0Dar\u00adcy\u2060 &#0;&#x110000;&#99999999999999;</p>", "Mr. Darcy ���"),
        ("<P CLASS=x>upper</P>", "upper"),
        ("<p>a<5 and b>4</p>", "a<5 and b>4"),
    ],
)
def test_markup_becomes_plain_paragraphs(markup: str, text: str) -> None:
    assert contents(epub({"a.xhtml": page(markup)})) == [("The Storm", text)]


def test_pages_in_other_encodings_are_read() -> None:
    latin = '<?xml version="1.0" encoding="iso-8859-1"?><html><body><p>café</p></body></html>'
    pages = {"a.xhtml": page(P), "b.xhtml": page(P)}
    more = {
        "OEBPS/a.xhtml": latin.encode("latin-1"),
        "OEBPS/b.xhtml": page("<p>naïve</p>").encode("utf-16"),
    }

    assert contents(epub(pages, more=more)) == [("The Storm", "café\n\nnaïve")]


def test_an_epub_is_recognised_whatever_its_name() -> None:
    novel = parse_novel(epub({"a.xhtml": page(P)}), filename="novel.txt")

    assert novel.title == "The Storm"


def test_deeply_nested_elements_are_read() -> None:
    depth = 40_000

    body = "<div>" * depth + PROSE + "</div>" * depth

    assert contents(epub({"a.xhtml": page(body)})) == [("The Storm", PROSE)]
