"""Project Gutenberg's header, licence and credits."""

from __future__ import annotations

import io

import pytest

from novels.parsing import ParsedNovel, parse_novel

PROSE = "Nobody in the village had seen the old man since the night of the great storm."
TEXT = f"Chapter 1\n\n{PROSE}\n\nChapter 2\n\n{PROSE}\n\n"


def parse(text: str) -> ParsedNovel:
    return parse_novel(io.BytesIO(text.encode()), filename="novel.txt")


@pytest.mark.parametrize(
    "start",
    [
        "*** START OF THE PROJECT GUTENBERG EBOOK THE STORM ***\n",
        "*** START OF THIS PROJECT GUTENBERG EBOOK THE STORM ***\n",
        "***START OF THE PROJECT GUTENBERG EBOOK THE STORM***\n",
        "*** START OF THIS PROJECT GUTENBERG EBOOK THE STORM AND\nWHAT CAME OF IT ***\n",
        "*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*\n",
        "*END THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*\n",
    ],
)
@pytest.mark.parametrize(
    "end",
    [
        "*** END OF THE PROJECT GUTENBERG EBOOK THE STORM ***\n",
        "*** END OF THIS PROJECT GUTENBERG EBOOK THE STORM ***\n",
        "End of the Project Gutenberg EBook of The Storm, by Ann Author\n",
        "End of Project Gutenberg's The Storm, by Ann Author\n",
        "End of Project Gutenberg’s The Storm\n",
        "End of this Project Gutenberg Etext of The Storm\n",
    ],
)
def test_header_and_licence_are_removed(start: str, end: str) -> None:
    novel = parse(
        "The Project Gutenberg EBook of The Storm, by Ann Author\n\nFree of charge.\n\n"
        f"{start}\n\nProduced by Ann Helper and\nBob Helper\n\n\n{TEXT}{end}\n\nLicence.\n"
    )

    assert [chapter.content for chapter in novel.chapters] == [PROSE, PROSE]
    assert (novel.title, novel.author) == ("The Storm", "Ann Author")


@pytest.mark.parametrize(
    ("lines", "title"),
    [
        (
            "Title: Frankenstein\n       or The Modern Prometheus",
            "Frankenstein; or The Modern Prometheus",
        ),
        ("Title: Moby Dick;\n       Or, The Whale", "Moby Dick; Or, The Whale"),
        ("Title: The Storm\n       A Tale of the Sea", "The Storm: A Tale of the Sea"),
        ("Title: The Life of\n       Robinson Crusoe", "The Life of Robinson Crusoe"),
        ("Title:   The   Storm", "The Storm"),
    ],
)
def test_a_title_may_go_on_on_the_next_line(lines: str, title: str) -> None:
    text = f"{lines}\n\nAuthor: Ann Author\n\nLanguage: German\n\n"

    novel = parse(f"{text}*** START OF THE PROJECT GUTENBERG EBOOK X ***\n{TEXT}")

    assert (novel.title, novel.author, novel.language) == (title, "Ann Author", "de")


def test_credits_above_a_text_without_headings_are_removed() -> None:
    start = "*** START OF THE PROJECT GUTENBERG EBOOK THE STORM ***"

    novel = parse(f"{start}\n\nProduced by Ann Helper and\nBob Helper\n\n{PROSE}\n")

    assert novel.chapters[0].content == PROSE


def test_title_lines_are_read_without_gutenberg_and_are_no_text() -> None:
    novel = parse(f"Title: The Storm\nAuthor: Ann Author\nLanguage: fr\n\n{PROSE}\n")

    assert (novel.title, novel.author, novel.language) == ("The Storm", "Ann Author", "fr")
    assert novel.chapters[0].content == PROSE


def test_a_text_without_title_lines_has_no_title() -> None:
    novel = parse(TEXT)

    assert (novel.title, novel.author, novel.language) == (None, None, None)
