"""EPUBs of random structures, names and encodings: all chapters, and no word lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st

from novels.parsing import parse_novel
from tests.novels.parsing.epub_files import CONTAINER, METADATA, archive, link, nav, ncx, point

ALPHABETS = {
    "utf-8": "abcdefgéñøžабвгдежзאבגדה",
    "utf-16": "abcdefgабвгдежз",
    "iso-8859-1": "abcdefghijkmop",
    "windows-1251": "абвгдежзик",
}
ENCODINGS = st.sampled_from(sorted(ALPHABETS))
NAMES = (
    st.text("abcдéü .,'()-_+&1", min_size=1, max_size=12)
    .map(str.strip)
    .filter(lambda name: bool(name.strip(".")))
)


@dataclass
class Shape:
    """How a book is made.

    Attributes:
        heading: Number and title of a chapter, with `{n}` and `{title}`.
        label: The same in the contents.
    """

    heading: str
    label: str
    contents: str
    per_document: int
    has_parts: bool
    is_closed: bool
    has_cover: bool


HEADINGS = {
    "<h2>Chapter {n}</h2>": "Chapter {n}",
    "<h1>{title}</h1>": "{title}",
    "<hgroup><h2>{n}</h2><p>{title}</p></hgroup>": "{n}: {title}",
    "<h2>Chapter {n}</h2><h3>{title}</h3>": "Chapter {n}. {title}",
    "<h2>{n}. {title}</h2>": "{n}. {title}",
    "<p class='head'>{title}</p>": "{title}",
}
SHAPES = st.builds(
    lambda heading, **rest: Shape(heading, HEADINGS[heading], **rest),
    st.sampled_from(sorted(HEADINGS)),
    contents=st.sampled_from(["nav", "ncx"]),
    per_document=st.integers(1, 3),
    has_parts=st.booleans(),
    is_closed=st.booleans(),
    has_cover=st.booleans(),
)


def chapters_of(alphabet: str) -> st.SearchStrategy[list[list[str]]]:
    """Return chapters of paragraphs of words; such words never look like a heading."""
    word = st.text(alphabet, min_size=3, max_size=9)
    paragraph = st.lists(word, min_size=3, max_size=40).map(" ".join)
    return st.lists(st.lists(paragraph, min_size=1, max_size=4), min_size=2, max_size=7)


@st.composite
def books(draw: Any) -> tuple[Shape, str, list[str], list[list[str]], list[str]]:
    """Return shape, encoding, titles, chapters, and names of documents."""
    encoding = draw(ENCODINGS)
    chapters = draw(chapters_of(ALPHABETS[encoding]))
    count = len(chapters)
    title = st.text(ALPHABETS[encoding], min_size=4, max_size=12).map(str.capitalize)
    titles = draw(st.lists(title, min_size=count, max_size=count, unique_by=str.lower))
    names = draw(st.lists(NAMES, min_size=count, max_size=count, unique_by=str.lower))
    return draw(SHAPES), encoding, titles, chapters, names


def document(body: str, encoding: str) -> bytes:
    source = (
        f'<?xml version="1.0" encoding="{encoding}"?><html xmlns="http://www.w3.org/1999/xhtml" '
        f'xmlns:epub="http://www.idpf.org/2007/ops"><head><title>x</title></head>'
        f"<body>{body}</body></html>"
    )
    return source.encode(encoding)


def contents_of(shape: Shape, labels: Sequence[str], hrefs: Sequence[str]) -> str:
    """Return the contents, in parts of two chapters each if the book has parts."""
    make = link if shape.contents == "nav" else point
    lines = [make(href, label) for href, label in zip(hrefs, labels, strict=True)]
    if not shape.has_parts:
        return "".join(lines)
    groups = ["".join(lines[at : at + 2]) for at in range(0, len(lines), 2)]
    names = [f"Part {n}" for n in range(1, len(groups) + 1)]
    if shape.contents == "ncx":
        firsts = hrefs[::2]
        return "".join(point(h, n, g) for h, n, g in zip(firsts, names, groups, strict=True))
    return "".join(
        f"<li><span>{name}</span><ol>{group}</ol></li>"
        for name, group in zip(names, groups, strict=True)
    )


def build(
    shape: Shape, encoding: str, titles: Sequence[str], chapters: Any, names: Sequence[str]
) -> Any:
    """Return the EPUB: several chapters in a document are found by fragments."""
    bodies: dict[str, str] = {}
    hrefs: list[str] = []
    closing = "</p>" if shape.is_closed else ""
    for number, (title, paragraphs) in enumerate(zip(titles, chapters, strict=True)):
        name = f"{names[number // shape.per_document]}.xhtml"
        heading = shape.heading.format(n=number + 1, title=title)
        text = "".join(f"<p>{paragraph}{closing}" for paragraph in paragraphs)
        bodies[name] = bodies.get(name, "") + f'<div id="c{number}">{heading}{text}</div>'
        hrefs.append(f"{quote(name)}#c{number}")
    if shape.has_cover:
        cover = {"cover.xhtml": '<section epub:type="titlepage"><h1>The Storm</h1></section>'}
        bodies = cover | bodies
    labels = [shape.label.format(n=n, title=title) for n, title in enumerate(titles, 1)]
    lines = contents_of(shape, labels, hrefs)
    items = "".join(
        f'<item id="i{n}" href="{quote(name)}" media-type="application/xhtml+xml"/>'
        for n, name in enumerate(bodies)
    )
    items += '<item id="nav" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/>'
    items += '<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>'
    references = "".join(f'<itemref idref="i{n}"/>' for n in range(len(bodies)))
    files: dict[str, str | bytes] = {
        "META-INF/container.xml": CONTAINER,
        "OEBPS/book.opf": '<package xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<metadata>{METADATA}</metadata><manifest>{items}</manifest><spine>{references}</spine>"
        "</package>",
        f"OEBPS/{'nav.xhtml' if shape.contents == 'nav' else 'toc.ncx'}": (
            nav(lines) if shape.contents == "nav" else ncx(lines)
        ),
    }
    return archive(
        files | {f"OEBPS/{name}": document(body, encoding) for name, body in bodies.items()}
    )


@settings(deadline=None, max_examples=150)
@given(book=books())
def test_chapters_titles_and_words_of_an_epub_are_those_that_were_made(book: Any) -> None:
    shape, encoding, titles, chapters, names = book

    novel = parse_novel(build(shape, encoding, titles, chapters, names), filename="novel.epub")

    assert [chapter.content.split() for chapter in novel.chapters] == [
        " ".join(paragraphs).split() for paragraphs in chapters
    ]
    for number, (chapter, title) in enumerate(zip(novel.chapters, titles, strict=True), 1):
        expected = title if "{title}" in shape.heading else f"Chapter {number}"
        assert chapter.title.endswith(expected)
    assert [(part.name, part.reason) for part in novel.left_out] == (
        [("OEBPS/cover.xhtml", "title page")] if shape.has_cover else []
    )
    assert {warning.code for warning in novel.warnings} <= {"documents_left_out"}
