"""Headings of many languages, with numerals of every kind, and lines that are none."""

from __future__ import annotations

import pytest

from novels.parsing.heading_words import COUNTERS, HEADING_WORDS, KINDS, fold
from novels.parsing.headings import parse_heading
from novels.parsing.numerals import parse_number

WORDS = [
    (language, kind, word)
    for language, words in HEADING_WORDS.items()
    for kind, names in words.items()
    for word in names.split()
]


def test_the_table_has_at_least_thirty_languages() -> None:
    assert len(HEADING_WORDS) >= 30


@pytest.mark.parametrize(("language", "kind", "word"), WORDS)
def test_each_word_of_the_table_begins_a_heading(language: str, kind: str, word: str) -> None:
    for line in (f"{word.title()} 3", f"{word.upper()} III", f"{word.capitalize()} 3: Home"):
        head = parse_heading(line)
        assert head is not None, line
        assert (head.kind, head.number) == (KINDS[fold(word)], 3)


@pytest.mark.parametrize(
    ("line", "number", "title"),
    [
        ("第一章 码头的第一夜", 1, "码头的第一夜"),
        ("第二十三回　宴桃园豪杰三结义", 23, "宴桃园豪杰三结义"),
        ("正文 第一百零三回 上方谷司马受困", 103, "上方谷司马受困"),
        ("第３話　桟橋の夜", 3, "桟橋の夜"),
        ("제12장 부두의 밤", 12, "부두의 밤"),
        ("3화", 3, ""),
        ("卷之二 夏", 2, "夏"),
        ("【第四章】", 4, ""),
    ],
)
def test_chinese_japanese_and_korean_put_the_number_inside(
    line: str, number: int, title: str
) -> None:
    head = parse_heading(line)

    assert head is not None
    assert (head.number, head.title) == (number, title)


def test_counters_are_of_known_kinds() -> None:
    assert set(COUNTERS) <= set(KINDS.values())


@pytest.mark.parametrize(
    ("line", "kind", "number", "title"),
    [
        ("Chapter 1: the long road", "chapter", 1, "the long road"),
        ("Book the Second--the Copper Lamp", "book", 2, "the Copper Lamp"),
        ("Ch. 1", "chapter", 1, ""),
        ("Day 1", "day", 1, ""),
        ("ACT I", "act", 1, ""),
        ("[Chapter 3]", "chapter", 3, ""),
        ("CHAPITRE XXII[1].", "chapter", 22, ""),
        ("MÁSODIK FEJEZET.", "chapter", 2, ""),
        ("Kapitola třetí", "chapter", 3, ""),
        ("Prvo poglavje.", "chapter", 1, ""),
        ("Глава двадцать первая. Дом", "chapter", 21, "Дом"),
        ("Einundzwanzigstes Kapitel", "chapter", 21, ""),
        ("Capítulo primero. Que trata de la aldea", "chapter", 1, "Que trata de la aldea"),
        ("الفصل الأول", "chapter", None, ""),
        ("CHAPTER THE LAST", "chapter", None, ""),
        ("III. The Night Shadows", "bare", 3, "The Night Shadows"),
    ],
)
def test_headings_are_read(line: str, kind: str, number: int | None, title: str) -> None:
    head = parse_heading(line)

    assert head is not None
    assert (head.kind, head.number, head.title) == (kind, number, title)


@pytest.mark.parametrize(
    "line",
    [
        "Del bosque",
        "part of him",
        "nio",
        "One Day",
        "A Scene 1",
        "第一回见到他是在春天。",
        "第三天",
        "Letter to him",
        "Carta que v. exc.a dictou!",
        "X. THE LOBSTER QUADRILLE .  .  .  .  101",
    ],
)
def test_other_lines_are_no_headings(line: str) -> None:
    assert parse_heading(line) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("XVIIII", 19),
        ("ІІІ", 3),
        ("twenty-one", 21),
        ("one hundred and three", 103),
        ("Siebzehntes", 17),
        ("vierunddreißigste", 34),
        ("eenentwintigste", 21),
        ("tjugoandra", 22),
        ("ventunesimo", 21),
        ("dix-septième", 17),
        ("vigésimo primero", 21),
        ("двадцать первая", 21),
        ("dwudziesty pierwszy", 21),
        ("huszonegyedik", 21),
        ("二十一", 21),
        ("一〇三", 103),
        ("١٢", 12),
        ("kettle", None),
        ("tend", None),
    ],
)
def test_numerals_are_read(text: str, value: int | None) -> None:
    assert parse_number(text) == value
