"""The six real novels: chapters, titles, encodings, no licence text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from novels.parsing import ParsedNovel, check_upload, parse_novel

NOVELS = Path(__file__).resolve().parents[4] / "shared" / "data" / "novels"

pytestmark = pytest.mark.skipif(not NOVELS.is_dir(), reason="../shared/data is not there")

EXPECTED = {
    "alices-adventures-in-wonderland.txt": (
        "Alice’s Adventures in Wonderland",
        "Lewis Carroll",
        12,
    ),
    "frankenstein.txt": (
        "Frankenstein; or The Modern Prometheus",
        "Mary Wollstonecraft (Godwin) Shelley",
        28,
    ),
    "katrine-latin1.txt": ("Katrine", "Elinor Macartney Lane", 28),
    "pride-and-prejudice.epub": ("Pride and Prejudice", "Jane Austen", 61),
    "the-adventures-of-sherlock-holmes.txt": (
        "The Adventures of Sherlock Holmes",
        "Arthur Conan Doyle",
        12,
    ),
    "the-time-machine.epub": ("The Time Machine", "H. G. Wells", 12),
}
FOREIGN = re.compile(
    r"project gutenberg|gutenberg\.(org|net)|standard ebooks|uncopyright|^produced by"
    r"|Ã|â€|\ufffd|\x00|\u2060",
    re.IGNORECASE | re.MULTILINE,
)


def read(name: str) -> ParsedNovel:
    return parse_novel(NOVELS / name, filename=name)


@pytest.mark.parametrize("name", EXPECTED)
def test_title_author_language_and_number_of_chapters_are_those_of_the_book(name: str) -> None:
    novel = read(name)

    assert (novel.title, novel.author, len(novel.chapters)) == EXPECTED[name]
    assert novel.language == "en"


@pytest.mark.parametrize("name", EXPECTED)
def test_no_chapter_has_licence_text_or_mojibake_and_none_is_a_stub(name: str) -> None:
    for chapter in read(name).chapters:
        assert not FOREIGN.search(chapter.content + chapter.title)
        assert chapter.word_count > 250
        assert "\n\n\n" not in chapter.content


@pytest.mark.parametrize("name", EXPECTED)
def test_the_check_of_an_upload_lets_real_novels_pass_and_rewinds_them(name: str) -> None:
    with (NOVELS / name).open("rb") as file:
        assert check_upload(file, name) == name.rpartition(".")[2]
        assert file.tell() == 0


def test_alice_has_the_titles_on_her_heading_lines() -> None:
    chapters = read("alices-adventures-in-wonderland.txt").chapters

    assert chapters[0].title == "Down the Rabbit-Hole"
    assert chapters[0].content.startswith(
        "Alice was beginning to get very tired of sitting by her sister on the bank, and of"
    )
    assert chapters[11].title == "Alice’s Evidence"
    assert chapters[11].content.endswith("the happy summer days.\n\nTHE END")
    assert "How doth the little crocodile\n" in chapters[1].content


def test_frankenstein_has_four_letters_before_its_chapters() -> None:
    chapters = read("frankenstein.txt").chapters

    titles = [chapter.title for chapter in chapters]
    assert titles == [f"Letter {n}" for n in range(1, 5)] + [f"Chapter {n}" for n in range(1, 25)]
    assert chapters[0].content.startswith("To Mrs. Saville, England.\n\nSt. Petersburgh, Dec. 11th")
    assert chapters[4].content.startswith("I am by birth a Genevese")
    assert chapters[27].content.endswith("lost in darkness and distance.")


def test_sherlock_mixes_two_kinds_of_headings_and_sections_are_no_chapters() -> None:
    chapters = read("the-adventures-of-sherlock-holmes.txt").chapters

    assert chapters[0].title == "A SCANDAL IN BOHEMIA"
    assert chapters[0].content.startswith("I.\n\nTo Sherlock Holmes she is always THE woman.")
    assert "\n\nIII.\n\nI slept at Baker Street" in chapters[0].content
    assert chapters[6].title == "THE ADVENTURE OF THE BLUE CARBUNCLE"
    assert chapters[11].title == "THE ADVENTURE OF THE COPPER BEECHES"


def test_katrine_is_read_as_latin_1_and_her_preface_opens_the_first_chapter() -> None:
    chapters = read("katrine-latin1.txt").chapters

    assert chapters[0].title == "UNDER THE SOUTHERN PINES"
    assert chapters[0].content.startswith("PREFACE\n\nIt is difficult to tell the story of Irish")
    assert "\n\nI. UNDER THE SOUTHERN PINES\n\nRavenel Plantation" in chapters[0].content
    assert chapters[20].title == "THE NIGHT OF KATRINE'S DÉBUT"
    assert chapters[23].title == '"I WILL TAKE CARE OF YOU"'
    assert not any("Illustration" in chapter.content for chapter in chapters)


def test_the_time_machine_ends_with_its_epilogue_and_without_note_marks() -> None:
    chapters = read("the-time-machine.epub").chapters

    assert [chapter.title for chapter in chapters[:2]] == ["Chapter I", "Chapter II"]
    assert chapters[0].content.startswith("The Time Traveller (for so it will be convenient")
    assert "\n\nEpilogue\n\nOne cannot choose but wonder." in chapters[11].content
    assert "floor of the gallery sloped at all. The end I had come in at" in chapters[7].content


def test_pride_and_prejudice_begins_and_ends_with_the_work_itself() -> None:
    chapters = read("pride-and-prejudice.epub").chapters

    assert chapters[0].content.startswith("It is a truth universally acknowledged")
    assert "“My dear Mr. Bennet,” said his lady" in chapters[0].content
    assert chapters[60].content.endswith("had been the means of uniting them.")


@pytest.mark.parametrize(
    ("name", "encoding", "begin", "end"),
    [
        ("alices-adventures-in-wonderland.txt", "utf-8-sig", "Alice was beginning", "THE END"),
        ("frankenstein.txt", "utf-8-sig", "St. Petersburgh, Dec", "darkness and distance."),
        ("katrine-latin1.txt", "latin-1", "It is difficult to tell", "THE END"),
        ("the-adventures-of-sherlock-holmes.txt", "ascii", "To Sherlock Holmes", "success."),
    ],
)
def test_no_word_of_the_work_is_lost(name: str, encoding: str, begin: str, end: str) -> None:
    raw = (NOVELS / name).read_text(encoding)
    raw = re.sub(r"\[Illustration[^\]]*\]", "", raw)
    work = raw[raw.index(begin) : raw.rindex(end) + len(end)]

    text_read = " ".join(f"{c.title} {c.content}" for c in read(name).chapters)

    # Headings are rewritten, so each word of the work is only counted.
    missing = set(re.findall(r"[a-zà-ÿ]{2,}", work)) - set(re.findall(r"[a-zà-ÿ]{2,}", text_read))
    assert not missing
    assert 0.99 < len(re.findall(r"\w+", text_read)) / len(re.findall(r"\w+", work)) < 1.01
