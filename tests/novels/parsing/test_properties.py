"""Whatever bytes come in: a novel or a ParseError, and no word lost."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from novels.parsing import ParseError, check_upload, contents, parse_novel
from tests.novels.parsing.epub_files import archive, epub, link, nav, page

# Lower-case words of three letters or more never look like a heading.
WORDS = st.text("abcdefghijklmnop", min_size=3, max_size=9)
PARAGRAPH = st.lists(WORDS, min_size=1, max_size=40).map(" ".join)
CHAPTERS = st.lists(st.lists(PARAGRAPH, min_size=1, max_size=4), min_size=1, max_size=8)
STYLES = ["CHAPTER {n}", "Chapter {n}. The Title", "Letter {n}\n\n", "CHAPTER {n}\nTHE TITLE"]
TEXTS = st.text(max_size=300) | st.lists(
    st.sampled_from(
        [
            *("CHAPTER I", "I", "II.", "1.", "PART TWO", "CONTENTS", "PREFACE", "INDEX", "", ""),
            *(
                "*** START OF THE PROJECT GUTENBERG EBOOK X ***",
                "Title: A",
                "   or B",
                "word " * 40,
            ),
            *("*** END OF THE PROJECT GUTENBERG EBOOK", "[Illustration: x", "]", "_a", "_", "--"),
        ]
    ),
    max_size=40,
).map("\n".join)
MARKUP = st.lists(
    st.sampled_from(
        [
            *("<p>", "</p>", "<h1>", "</h1>", "<nav epub:type='toc'>", "<ol>", "<li>", "</li>"),
            *("<a href='a.xhtml#x'>", "</a>", "<a id='x'/>", "<", ">", "&", "&#xD800;", "<!--"),
            *("-->", "<![CDATA[", "]]>", "<?x", "Chapter 1", "Part 2", "II", "word", "<pre>", "\n"),
            *(
                "<section epub:type='endnotes'>",
                "</section>",
                "<br/>",
                "</nav>",
                "'",
                '"',
                "<a b='",
            ),
        ]
    ),
    max_size=40,
).map("".join)


def attempt(data: bytes, name: str) -> None:
    """Parse, and accept a refusal; the parse refuses each file that the check refuses."""
    try:
        check_upload(io.BytesIO(data), name)
    except ParseError:
        with pytest.raises(ParseError):
            parse_novel(io.BytesIO(data), filename=name)
        return
    try:
        novel = parse_novel(io.BytesIO(data), filename=name)
    except ParseError:
        return
    assert novel.chapters
    assert all(chapter.title for chapter in novel.chapters)
    stored = "".join(chapter.title + chapter.content for chapter in novel.chapters)
    stored.encode("utf-8")
    assert "\0" not in stored


@settings(deadline=None, max_examples=150)
@given(data=st.binary(max_size=400), name=st.sampled_from(["a.txt", "a.epub"]))
def test_random_bytes_raise_nothing_but_parse_error(data: bytes, name: str) -> None:
    attempt(data, name)
    attempt(b"PK\x03\x04" + data, name)


@settings(deadline=None, max_examples=200)
@given(text=TEXTS, encoding=st.sampled_from(["utf-8", "utf-16", "utf-16-le"]))
def test_random_text_raises_nothing_but_parse_error(text: str, encoding: str) -> None:
    attempt(text.encode(encoding, "replace"), "a.txt")


@settings(deadline=None, max_examples=150)
@given(
    name=st.sampled_from(["mimetype", "META-INF/container.xml", "OEBPS/book.opf", "OEBPS/a.xhtml"]),
    content=st.binary(max_size=200) | MARKUP.map(str.encode),
    cut=st.integers(0, 2000),
    noise=st.binary(max_size=4),
)
def test_damaged_epubs_raise_nothing_but_parse_error(
    name: str, content: bytes, cut: int, noise: bytes
) -> None:
    attempt(epub({"a.xhtml": page("<p>Text.</p>")}, more={name: content}).getvalue(), "a.epub")
    data = epub({"a.xhtml": page("<p>Text.</p>")}).getvalue()
    attempt(data[:cut] + noise + data[cut + len(noise) :], "a.epub")
    attempt(archive({name: content}).getvalue(), "a.epub")


@settings(deadline=None, max_examples=200)
@given(body=MARKUP, navigation=MARKUP)
def test_sloppy_pages_raise_nothing_but_parse_error(body: str, navigation: str) -> None:
    attempt(epub({"nav.xhtml": page(navigation), "a.xhtml": page(body)}).getvalue(), "a.epub")


@settings(deadline=None, max_examples=150)
@given(chapters=CHAPTERS, style=st.sampled_from(STYLES), with_contents=st.booleans())
def test_all_words_of_a_text_come_back_in_order(
    chapters: list[list[str]], style: str, with_contents: bool
) -> None:
    headings = [style.format(n=number) for number in range(1, len(chapters) + 1)]
    bodies = ["\n\n".join(paragraphs) for paragraphs in chapters]
    parts = [f"{heading}\n\n{body}" for heading, body in zip(headings, bodies, strict=True)]
    contents = "\n\n".join(headings) if with_contents and len(chapters) > 2 else ""

    novel = parse_novel(
        io.BytesIO("\n\n\n".join([contents, *parts]).encode()), filename="novel.txt"
    )

    words = [chapter.content.split() for chapter in novel.chapters]
    assert words == [body.split() for body in bodies]


@settings(deadline=None, max_examples=100)
@given(chapters=CHAPTERS, split=st.booleans())
def test_all_words_of_an_epub_come_back_in_order(chapters: list[list[str]], split: bool) -> None:
    pages, links = {}, ""
    for number, paragraphs in enumerate(chapters, 1):
        body = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs[1:])
        first = f"<h2>Chapter {number}</h2><p>{paragraphs[0]}</p>"
        pages[f"{number}.xhtml"] = page(first if split else first + body)
        if split:
            pages[f"{number}b.xhtml"] = page(body)
        links += link(f"{number}.xhtml", f"Chapter {number}")

    novel = parse_novel(epub({"nav.xhtml": nav(links), **pages}), filename="novel.epub")

    words = [chapter.content.split() for chapter in novel.chapters]
    assert words == [" ".join(paragraphs).split() for paragraphs in chapters]


# As they were before they were made linear: the results are the same.
_LISTED = re.compile(r"^(?:[IVXLC]+|\d{1,3})[.:)]\s+|[\s.]*\s(?:\d{1,4}|[ivxl]{1,6})$")


@given(st.text(alphabet="IVX19.:) \t\nivab", max_size=30))
def test_lines_of_contents_are_bared_as_they_were(line: Any) -> None:
    before = " ".join(re.findall(r"\w+", _LISTED.sub("", line.strip()).lower()))

    assert contents._bare(line) == before
