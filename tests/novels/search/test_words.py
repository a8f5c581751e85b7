"""A word is found however it is written, in every script."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from novels.models import Language
from novels.search.documents import MAX_INDEXED_CHARS
from novels.search.query import Search

MakeNovels = Callable[..., list[Any]]
WHALE = "那年夏天，老渔夫在海上看见了一头白鲸。它慢慢地浮出水面，又沉了下去。"
CAT = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。"


def snippet(api: APIClient, words: str) -> str | None:
    """Return the snippet of the only match; None without one."""
    results = api.get("/api/v1/search/", {"q": words}).json()["results"]
    assert len(results) <= 1
    return results[0]["snippet"] if results else None


@pytest.mark.parametrize(
    ("code", "text", "words", "marked"),
    [
        ("en", "Emily Brontë wrote.", "Bronte", "Brontë"),
        ("en", "Emily Bronte wrote.", "BRONTË", "Bronte"),
        ("en", unicodedata.normalize("NFD", "A résuméfoo here."), "résuméfoo", "résuméfoo"),
        ("en", "A résuméfoo here.", unicodedata.normalize("NFD", "résuméfoo"), "résuméfoo"),
        ("en", "The ﬁnalfoo of it.", "finalfoo", "ﬁnalfoo"),
        ("fr", "Les élèves étaient là.", "eleve", "élèves"),
        ("de", "Die Straße war naß.", "strasse", "Straße"),
        ("ru", "Ёлка стояла в углу.", "елка", "Ёлка"),
        ("el", "Οι μεγάλοι ΔΡΌΜΟΙ.", "δρόμος", "ΔΡΌΜΟΙ"),
        (None, "El niño llegó.", "nino", "niño"),
    ],
)
def test_accents_ligatures_and_forms_of_letters_count_as_the_same(
    api: APIClient,
    make_novels: MakeNovels,
    make_chapters: Any,
    code: str | None,
    text: str,
    words: str,
    marked: str,
) -> None:
    language = (
        code
        and Language.objects.get_or_create(
            code=code, defaults={"name": code, "search_config": "greek"}
        )[0]
    )
    (novel,) = make_novels(1, language=language)
    make_chapters(novel, text)

    assert f"<mark>{marked}</mark>" in (snippet(api, words) or "nothing")


def test_a_final_sigma_is_found_by_capitals_and_small_letters_in_any_language(
    api: APIClient, make_novels: MakeNovels, make_chapters: Any
) -> None:
    (novel,) = make_novels(1)
    make_chapters(novel, "ΔΡΌΜΟΥΣ")

    assert snippet(api, "δρόμους") is not None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (WHALE, "白鲸"),
        (WHALE, "老渔夫"),
        (WHALE, "鲸"),
        (CAT, "猫"),
        (CAT, "吾輩は猫である"),
        (CAT, "見当"),
        ("그 고래를 보았다.", "고래"),
        ("ชายชราเห็นปลาวาฬสีขาวในทะเล", "ปลาวาฬ"),
        ("第３章の題は「白いクジラ」。", "クジラ"),
    ],
)
def test_scripts_without_spaces_are_found_by_parts_of_a_clause(
    api: APIClient, make_novels: MakeNovels, make_chapters: Any, text: str, words: str
) -> None:
    (novel,) = make_novels(1)
    make_chapters(novel, text)

    assert f"<mark>{words}</mark>" in (snippet(api, words) or "nothing")


def test_such_words_combine_with_others(make_novels: MakeNovels, make_chapters: Any) -> None:
    (novel,) = make_novels(1, title="白鲸 Moby")
    make_chapters(novel, WHALE, CAT, "Nothing.")

    def count(words: str) -> int:
        return len(Search(words=words).match().candidates)

    assert count("白鲸") == 2
    assert count("白鲸 moby") == 1
    assert count("白鲸 -moby") == 1
    assert count("moby -白鲸") == 0
    assert count("白鲸 or 猫") == 3
    assert count('"白鲸 moby"') == 1
    assert count("黑鲸") == 0


def test_a_title_weighs_more_than_a_text(make_novels: MakeNovels, make_chapters: Any) -> None:
    (novel,) = make_novels(1)
    make_chapters(novel, "又是白鲸。", "别的。", titles=["一", "白鲸"])

    best, other = Search(words="白鲸").match().rank()

    assert best.score > other.score


def test_the_oddest_chapter_of_such_a_script_fits_and_is_found(
    make_novels: MakeNovels, make_chapters: Any
) -> None:
    letters = random.Random(5).choices([chr(code) for code in range(0x4E00, 0x9FF0)], k=200_000)  # noqa: S311
    (novel,) = make_novels(1)
    make_chapters(novel, "".join(letters))

    for start in (0, MAX_INDEXED_CHARS - 4):
        words = "".join(letters[start : start + 4])
        assert [row.novel_id for row in Search(words=words).match().candidates] == [novel.pk]
