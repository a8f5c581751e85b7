"""Warnings about parts of a file that are in no chapter."""

from __future__ import annotations

from novels.parsing import LeftOut, ParsedChapter
from novels.parsing.assembly import find_losses

CHAPTER = ParsedChapter("One", "word " * 97)
COVER = LeftOut("cover.xhtml", "no text", 0, is_document=True)
LICENCE = LeftOut("licence", "of Project Gutenberg", 3)


def test_nothing_lost_is_no_warning() -> None:
    assert find_losses([CHAPTER], [], words=98) == ()


def test_documents_left_out_are_named_with_their_reasons() -> None:
    [warning] = find_losses([CHAPTER], [COVER], words=97, documents=31)

    assert warning.code == "documents_left_out"
    assert warning.detail == "1 of 31 documents left out: cover.xhtml (no text)."


def test_passages_of_a_text_left_out_are_named() -> None:
    [warning] = find_losses([CHAPTER], [LICENCE], words=97)

    assert warning.code == "passages_left_out"
    assert warning.detail == "Left out: licence (of Project Gutenberg)."


def test_long_lists_are_shortened() -> None:
    [warning] = find_losses([CHAPTER], [COVER] * 25, words=97, documents=31)

    assert warning.detail.endswith("cover.xhtml (no text) and 5 more.")


def test_words_in_no_chapter_and_no_list_are_a_warning() -> None:
    [warning] = find_losses([CHAPTER], [], words=100)

    assert warning.code == "words_lost"
    assert warning.detail.startswith("3 of 100 words are in no chapter.")


def test_a_chapter_without_text_is_a_warning() -> None:
    [warning] = find_losses([CHAPTER, ParsedChapter("Two", "")], [], words=97)

    assert (warning.code, warning.detail) == ("empty_chapter", "Chapters without text: 2.")
