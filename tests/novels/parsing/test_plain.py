"""Plain text: where chapters begin, and where they do not."""

from __future__ import annotations

import io

import pytest

from morpheus.sandbox import JobLimits, run
from novels.parsing import Limits, ParsedNovel, ParseError, parse_novel
from tests.hostile_inputs import line_of_dots

PROSE = "Nobody in the village had seen the old man since the night of the great storm."


def parse(text: str) -> ParsedNovel:
    return parse_novel(io.BytesIO(text.encode()), filename="novel.txt")


def book(*headings: str) -> str:
    return "\n\n\n".join(f"{heading}\n\n{PROSE}" for heading in headings)


def titles(text: str) -> list[str]:
    return [chapter.title for chapter in parse(text).chapters]


@pytest.mark.parametrize(
    ("headings", "expected"),
    [
        (("CHAPTER I. Home", "CHAPTER II. Away"), ["Home", "Away"]),
        (("Chapter 1", "Chapter 2"), ["Chapter 1", "Chapter 2"]),
        (
            ("CHAPTER TWENTY-ONE", "Chapter Twenty Two"),
            ["CHAPTER TWENTY-ONE", "Chapter Twenty Two"],
        ),
        (("Chapter the First", "Chapter the Second"), ["Chapter the First", "Chapter the Second"]),
        (("THE FIRST CHAPTER", "THE SECOND CHAPTER"), ["THE FIRST CHAPTER", "THE SECOND CHAPTER"]),
        (("CHAPTER I\nHOME", "CHAPTER II\nAWAY"), ["HOME", "AWAY"]),
        (("CHAPTER I\n\nHOME", "CHAPTER II\n\nAWAY"), ["HOME", "AWAY"]),
        (("Chapter 1: Home", "Chapter 2 - Away"), ["Home", "Away"]),
        (("# Chapter 1", "# Chapter 2"), ["Chapter 1", "Chapter 2"]),
        (("_Letter 1_", "_Letter 2_"), ["Letter 1", "Letter 2"]),
        (("I", "II", "III"), ["Chapter I", "Chapter II", "Chapter III"]),
        (("1.", "2.", "3."), ["Chapter 1", "Chapter 2", "Chapter 3"]),
        (("ONE", "TWO", "THREE"), ["Chapter ONE", "Chapter TWO", "Chapter THREE"]),
        (("I. HOME", "II. AWAY"), ["HOME", "AWAY"]),
        (("ADVENTURE I. HOME", "II. AWAY", "III. BACK"), ["HOME", "AWAY", "BACK"]),
        (("STAVE ONE", "STAVE TWO"), ["STAVE ONE", "STAVE TWO"]),
        (("1. Kapitel", "2. Kapitel"), ["1. Kapitel", "2. Kapitel"]),
        (("Erstes Kapitel", "Zweites Kapitel"), ["Erstes Kapitel", "Zweites Kapitel"]),
        (("Chapitre I. Le Départ", "Chapitre II"), ["Le Départ", "Chapitre II"]),
        (("Capítulo 1", "Capítulo 2"), ["Capítulo 1", "Capítulo 2"]),
        (("Capitolo I", "Capitolo II"), ["Capitolo I", "Capitolo II"]),
        (("Глава 1. Дом", "Глава 2. Дорога"), ["Дом", "Дорога"]),
        (("Глава первая", "Глава вторая"), ["Глава первая", "Глава вторая"]),
        (("Hoofdstuk 1", "Hoofdstuk 2"), ["Hoofdstuk 1", "Hoofdstuk 2"]),
        (("PART ONE", "PART TWO"), ["PART ONE", "PART TWO"]),
        (("Prologue", "Epilogue"), ["Prologue", "Epilogue"]),
        (("CHAPTER I", "CHAPTER I", "CHAPTER III"), ["CHAPTER I", "CHAPTER I", "CHAPTER III"]),
    ],
)
def test_headings_are_recognised(headings: tuple[str, ...], expected: list[str]) -> None:
    novel = parse(book(*headings))

    assert [chapter.title for chapter in novel.chapters] == expected
    assert {chapter.content for chapter in novel.chapters} == {PROSE}


def test_chapters_that_restart_in_each_part_carry_the_part_in_their_titles() -> None:
    text = book("PART ONE\n\nCHAPTER 1", "CHAPTER 2", "PART TWO\n\nCHAPTER 1", "CHAPTER 2")

    assert titles(text) == [
        "PART ONE — CHAPTER 1",
        "PART ONE — CHAPTER 2",
        "PART TWO — CHAPTER 1",
        "PART TWO — CHAPTER 2",
    ]


def test_bare_numbers_may_restart_in_each_book() -> None:
    text = book("BOOK I\nI", "II", "BOOK II\n\nI", "II")

    assert titles(text)[2:] == ["BOOK II — Chapter I", "BOOK II — Chapter II"]


def test_a_part_without_chapters_of_its_own_is_a_chapter() -> None:
    text = book("PART ONE\n\nCHAPTER 1", "PART TWO", "PART THREE\n\nCHAPTER 1")

    assert titles(text) == ["PART ONE — CHAPTER 1", "PART TWO", "PART THREE — CHAPTER 1"]


def test_text_without_headings_is_one_chapter_named_like_the_novel() -> None:
    assert titles(f"Title: The Storm\n\n{PROSE}\n\n{PROSE}") == ["The Storm"]
    assert titles(PROSE) == ["Chapter 1"]


@pytest.mark.parametrize(
    "false_heading",
    [
        "Chapter 5 of the book was dull, and he put it down.",
        "Chapter 24",
        "I",
        "I.",
        "1. Milk\n\n2. Eggs\n\n3. Bread",
        "1. Milk\n2. Eggs\n3. Bread",
        "I. Milk\n\nII. Eggs",
        "Part of him wanted to go.",
        "Letter I wrote to you once",
    ],
)
def test_a_line_that_only_looks_like_a_heading_stays_text(false_heading: str) -> None:
    text = book("Chapter 1", f"{PROSE}\n\n{false_heading}", "Chapter 2")

    novel = parse(text)

    assert [chapter.title for chapter in novel.chapters] == ["Chapter 1", "Chapter 2"]
    assert false_heading in novel.chapters[0].content


@pytest.mark.parametrize("line", ["I", "1. Milk\n\n2. Eggs\n\n3. Bread", "Part of it"])
def test_a_text_without_chapters_gets_none_from_stray_lines(line: str) -> None:
    assert titles(f"{PROSE}\n\n{line}\n\n{PROSE}") == ["Chapter 1"]


@pytest.mark.parametrize(
    "contents",
    [
        "CHAPTER I\n\nCHAPTER II\n\nCHAPTER III",
        "CHAPTER I\nHome\n\nCHAPTER II\nAway\n\nCHAPTER III\nBack\n\nTo my Wife",
        "CHAPTER I. Home\nCHAPTER II. Away\nCHAPTER III. Back",
        "CHAPTER I ..... 5\n\nCHAPTER II ..... 15\n\nCHAPTER III ..... 25",
        "CHAP.         PAGE\n   I. Home        1\n  II. Away         15\n III. Back         30",
    ],
)
def test_a_table_of_contents_is_not_taken_for_chapters(contents: str) -> None:
    novel = parse(f"CONTENTS\n\n{contents}\n\n\n{book('CHAPTER I', 'CHAPTER II', 'CHAPTER III')}")

    assert [chapter.title for chapter in novel.chapters] == [
        "CHAPTER I",
        "CHAPTER II",
        "CHAPTER III",
    ]
    assert {chapter.content for chapter in novel.chapters} == {PROSE}


def test_stories_without_numbers_are_found_by_the_table_of_contents() -> None:
    contents = "CONTENTS\n\nThe Sisters   5\nAn Encounter   18\nAraby   30\n\n\n"

    text = contents + book("THE SISTERS", "AN ENCOUNTER", "ARABY")

    assert titles(text) == ["THE SISTERS", "AN ENCOUNTER", "ARABY"]


def test_preface_and_epilogue_join_the_first_and_the_last_chapter() -> None:
    chapters = parse(book("PREFACE", "Chapter 1", "Chapter 2", "EPILOGUE")).chapters

    assert [chapter.title for chapter in chapters] == ["Chapter 1", "Chapter 2"]
    assert chapters[0].content == f"PREFACE\n\n{PROSE}\n\nChapter 1\n\n{PROSE}"
    assert chapters[1].content == f"{PROSE}\n\nEPILOGUE\n\n{PROSE}"


def test_prose_above_the_first_heading_is_kept_and_the_title_page_is_not() -> None:
    text = (
        "THE STORM\n\nby\n\nANN AUTHOR\n\nCopyright 1909 by Publisher & Sons, New York City, USA."
    )

    chapters = parse(f"{text}\n\n{PROSE}\n\n{book('Chapter 1')}").chapters

    assert chapters[0].content == f"{PROSE}\n\nChapter 1\n\n{PROSE}"


def test_an_index_after_the_last_chapter_is_dropped() -> None:
    chapters = parse(book("Chapter 1", "Chapter 2", "INDEX")).chapters

    assert chapters[1].content == PROSE


def test_a_very_short_chapter_is_kept() -> None:
    chapters = parse("Chapter 1\n\nMy mother is a fish.\n\nChapter 2\n\nYes.").chapters

    assert [chapter.content for chapter in chapters] == ["My mother is a fish.", "Yes."]


def test_unwrapped_lines_without_blank_lines_are_paragraphs() -> None:
    long = "word " * 30

    chapters = parse(f"Chapter 1\n{long}\n{long}\nChapter 2\n{long}").chapters

    assert [chapter.title for chapter in chapters] == ["Chapter 1", "Chapter 2"]
    assert chapters[0].content == f"{long.strip()}\n\n{long.strip()}"


def test_too_many_chapters_are_refused() -> None:
    text = book(*(f"Chapter {n}" for n in range(1, 5))).encode()

    with pytest.raises(ParseError) as caught:
        parse_novel(io.BytesIO(text), filename="n.txt", limits=Limits(max_chapters=3))

    assert caught.value.code == "too_large"


def test_progress_rises_to_100() -> None:
    steps: list[tuple[str, int]] = []

    parse_novel(
        io.BytesIO(book("Chapter 1").encode()),
        filename="n.txt",
        progress=lambda stage, percent: steps.append((stage, percent)),
    )

    assert [stage for stage, _ in steps] == ["decoding", "reading", "splitting", "splitting"]
    assert [percent for _, percent in steps] == sorted(percent for _, percent in steps)
    assert steps[-1][1] == 100


def test_a_line_of_dots_is_parsed_in_linear_time() -> None:
    # The parse of such a line took 43 s; a child process ends it if it does so again.
    limits = JobLimits(cpu_s=5, wall_s=60, memory_bytes=512 * 1024 * 1024)

    novel = run(parse_novel, io.BytesIO(line_of_dots(80_000)), "novel.txt", limits=limits)

    assert sum(chapter.content.count("." * 80_000) for chapter in novel.chapters) == 1


def test_a_long_line_that_begins_like_a_heading_is_text() -> None:
    line = "CHAPTER I. " + "word " * 16_000

    (chapter,) = parse_novel(io.BytesIO(line.encode()), "novel.txt").chapters

    assert chapter.content == line.strip()
