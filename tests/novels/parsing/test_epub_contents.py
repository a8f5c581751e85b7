"""The contents of an EPUB decide its chapters and titles; headings only where there are none."""

from __future__ import annotations

import io

import pytest

from novels.parsing import ParsedNovel, parse_novel
from tests.novels.parsing.epub_files import PROSE, epub, link, nav, ncx, page, point

P = f"<p>{PROSE}</p>"
# More than any imprint, dedication or short preface has.
LONG = f"<p>{' '.join([PROSE] * 60)}</p>"


def parse(file: io.BytesIO) -> ParsedNovel:
    return parse_novel(file, filename="novel.epub")


def titles(file: io.BytesIO) -> list[str]:
    return [chapter.title for chapter in parse(file).chapters]


def codes(file: io.BytesIO) -> list[str]:
    return [warning.code for warning in parse(file).warnings]


def book(pages: dict[str, str], labels: dict[str, str] | None = None) -> io.BytesIO:
    """Return an EPUB whose contents list these pages under these labels, or under their names."""
    links = "".join(link(f"{name}.xhtml", label) for name, label in (labels or {}).items())
    return epub({"nav.xhtml": nav(links), **{f"{n}.xhtml": page(b) for n, b in pages.items()}})


def test_number_and_title_in_one_heading_group_are_one_chapter() -> None:
    names = ["The Lamp", "The Key", "The Door"]
    pages = {
        f"c{n}": f"<hgroup><h2>{'I' * n}</h2><p>{name}</p></hgroup>{P}"
        for n, name in enumerate(names, 1)
    }

    file = book(pages, {f"c{n}": f"{'I' * n}: {name}" for n, name in enumerate(names, 1)})

    assert [(c.title, c.content) for c in parse(file).chapters] == [(n, PROSE) for n in names]
    assert codes(file) == []


def test_pages_of_parts_and_their_chapters_keep_their_titles() -> None:
    parts = {"Book I: Spring": ["The Lamp", "The Key"], "Book II: Autumn": ["The Boat", "The Rope"]}
    pages: dict[str, str] = {}
    links = ""
    for part, names in parts.items():
        inner = ""
        number, _, season = part.partition(": ")
        pages[f"{season}.xhtml"] = page(f"<hgroup><h2>{number}</h2><p>{season}</p></hgroup>")
        for n, name in enumerate(names, 1):
            pages[f"{name[4:]}.xhtml"] = page(f"<h3>{'I' * n}</h3><h4>{name}</h4>{P}")
            inner += link(f"{name[4:]}.xhtml", f"{'I' * n}: {name}")
        links += f'<li><a href="{season}.xhtml">{part}</a><ol>{inner}</ol></li>'

    chapters = parse(epub({"nav.xhtml": nav(links), **pages})).chapters

    assert [(c.title.partition(" — ")[2], c.content) for c in chapters] == [
        (name, PROSE) for names in parts.values() for name in names
    ]


def test_what_follows_a_part_beside_it_is_not_in_it() -> None:
    inner = link("a.xhtml", "Home") + link("b.xhtml", "Away")
    links = f'<li><a href="a.xhtml">Part One</a><ol>{inner}</ol></li>' + link("c.xhtml", "Glossary")
    pages = {"nav.xhtml": nav(links)}
    pages |= {f"{n}.xhtml": page(f"<h2>{n}</h2>{LONG}") for n in "abc"}

    assert titles(epub(pages)) == ["Part One — Home", "Part One — Away", "Glossary"]


def test_numbered_sections_of_one_piece_are_no_chapters() -> None:
    sections = "".join(f"<h3>{n}</h3>{P}" for n in range(1, 9))
    names = ["Harbour Song", "Kettle Song", "Bridge Song"]
    pages = {f"c{n}": f"<h2>{name}</h2>{sections if n == 0 else P}" for n, name in enumerate(names)}

    chapters = parse(book(pages, {f"c{n}": name for n, name in enumerate(names)})).chapters

    assert [chapter.title for chapter in chapters] == names
    assert chapters[0].content.startswith(f"1\n\n{PROSE}\n\n2\n\n")


def test_numbers_in_contents_of_parts_alone_are_chapters() -> None:
    body = "".join(f"<h3>Chapter {n}</h3>{P}" for n in range(1, 4))
    pages = {"a": f"<h2>Part One</h2>{body}", "b": f"<h2>Part Two</h2>{body}"}

    assert titles(book(pages, {"a": "Part One", "b": "Part Two"})) == [
        f"{part} — Chapter {n}" for part in ("Part One", "Part Two") for n in range(1, 4)
    ]


def test_number_and_title_on_two_lines_of_the_contents_are_one_chapter() -> None:
    body = f'<h2 id="n">CHAPTER {{}}</h2><h2 id="t">{{}}</h2>{P}'
    pages = {"a.html": page(body.format("ONE", "HOME")), "b.html": page(body.format("TWO", "AWAY"))}
    points = point("a.html#n", "CHAPTER ONE") + point("a.html#t", "HOME")
    points += point("b.html#n", "CHAPTER TWO") + point("b.html#t", "AWAY")
    file = epub({**pages, "toc.ncx": ncx(points)})

    assert titles(file) == ["HOME", "AWAY"] and codes(file) == []


def test_titles_alone_before_chapters_are_parts() -> None:
    pages = {"x": "<h1>Spring</h1>", "a": f"<h2>1</h2>{P}", "b": f"<h2>2</h2>{P}"}
    pages |= {"y": "<h1>Autumn</h1>", "c": f"<h2>1</h2>{P}", "d": f"<h2>2</h2>{P}"}
    labels = {"x": "Spring", "a": "1", "b": "2", "y": "Autumn", "c": "1", "d": "2"}

    assert titles(book(pages, labels)) == [
        f"{part} — Chapter {n}" for part in ("Spring", "Autumn") for n in (1, 2)
    ]


def test_a_long_introduction_is_a_chapter_of_its_own() -> None:
    pages = {"i": f"<h2>Introduction</h2>{LONG}", "a": f"<h2>1</h2>{P}", "b": f"<h2>2</h2>{P}"}

    assert titles(book(pages, {"i": "Introduction", "a": "1", "b": "2"})) == [
        *("Introduction", "Chapter 1", "Chapter 2")
    ]


@pytest.mark.parametrize("word", ["published", "www.example.org", "a publisher", "first edition"])
def test_words_of_an_imprint_in_a_story_drop_nothing(word: str) -> None:
    body = f"<h1>Chapter {{}}</h1><p>Her first poem was {word} in the village on a Tuesday.</p>"
    labels = {"a": "Chapter 1", "b": "Chapter 2"}

    chapters = parse(book({"a": body.format(1), "b": body.format(2)}, labels)).chapters

    assert [word in chapter.content for chapter in chapters] == [True, True]


def test_an_imprint_that_the_contents_do_not_list_is_dropped_and_listed() -> None:
    imprint = "<p>Copyright 2020 by Ann Author. All rights reserved.</p><p>ISBN 1-23456-789-0</p>"
    file = book({"i": imprint, "a": P, "b": P}, {"a": "Home", "b": "Away"})

    [left_out] = parse(file).left_out

    assert (left_out.name, left_out.reason) == ("OEBPS/i.xhtml", "imprint")
    assert titles(file) == ["Home", "Away"] and codes(file) == ["documents_left_out"]


def test_a_motto_below_title_and_author_is_the_authors_text() -> None:
    front = "<h1>The Storm</h1><p>by Ann Author</p><p>London, published 1898</p><p>For my cat</p>"
    file = book({"t": front, "a": P, "b": P}, {"a": "Home", "b": "Away"})

    assert parse(file).chapters[0].content.startswith("For my cat\n\n")
    assert [part.name for part in parse(file).left_out] == ["title page"]


NAMES = ["Notes", "Index", "Illustrations", "Cover", "Advertisement", "Contents"]


def test_chapters_named_like_back_matter_are_chapters() -> None:
    pages = {f"c{n}": f"<h1>{name}</h1>{LONG}" for n, name in enumerate(NAMES)}

    assert titles(book(pages, {f"c{n}": name for n, name in enumerate(NAMES)})) == NAMES


def test_a_page_of_links_is_a_table_of_contents() -> None:
    rows = "".join(f'<p><a href="c{n}.xhtml">Chapter {n}</a> {n}0</p>' for n in range(1, 5))
    pages = {"toc": f"<h2>Contents</h2>{rows}"}
    pages |= {f"c{n}": f"<h2>Chapter {n}</h2>{P}" for n in range(1, 5)}

    novel = parse(book(pages))

    assert [chapter.content for chapter in novel.chapters] == [PROSE] * 4
    assert [part.reason for part in novel.left_out] == ["table of contents"]


def test_a_title_without_text_makes_no_chapter_and_is_named() -> None:
    pages = {
        "a": f"<h2>Chapter 1</h2>{P}",
        "b": "<h2>Chapter 2</h2>",
        "c": f"<h2>Chapter 3</h2>{P}",
    }
    labels = {"a": "Chapter 1", "b": "Chapter 2", "c": "Chapter 3"}

    [warning] = parse(book(pages, labels)).warnings

    assert titles(book(pages, labels)) == ["Chapter 1", "Chapter 3"]
    assert warning.code == "empty_chapter" and "Chapter 2" in warning.detail


def test_text_without_a_heading_before_the_first_chapter_is_kept() -> None:
    prologue = "夜雨敲窗，老船长点起一盏灯。海鸥在码头上空盘旋。"
    pages = {"p": f"<p>{prologue}</p>", "a": f"<h1>Home</h1>{P}", "b": f"<h1>Away</h1>{P}"}

    chapters = parse(book(pages, {"a": "Home", "b": "Away"})).chapters

    assert [chapter.title for chapter in chapters] == ["Home", "Away"]
    assert chapters[0].content.startswith(prologue)


def test_number_and_title_in_separate_headings_are_one_chapter_without_contents() -> None:
    pages = {f"c{n}": f"<h2>{n}</h2><h3>A Title {n}</h3>{P}" for n in range(1, 4)}

    chapters = parse(epub({f"{n}.xhtml": page(b) for n, b in pages.items()})).chapters

    assert [(c.title, c.content) for c in chapters] == [(f"A Title {n}", PROSE) for n in (1, 2, 3)]
