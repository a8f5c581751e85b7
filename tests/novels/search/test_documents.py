"""Search documents, and the plan behind the search."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction
from pytest_django import Settings

from morpheus.db.roles import connected_as
from morpheus.db.transactions import write_transaction
from novels.models import Language, Novel, SearchDocument
from novels.search.documents import (
    MAX_INDEXED_CHARS,
    documents_build_range,
    documents_rebuild,
)
from novels.search.query import Search
from tests.conftest import administrator_url


def documents(novel: Any) -> list[Any]:
    with write_transaction(as_user=novel.owner_id):
        rows = SearchDocument.objects.filter(novel=novel).order_by("chapter_id")
        return list(rows.values_list("chapter_id", "vector"))


def test_rebuilding_twice_leaves_one_document_each(
    make_novels: Callable[..., list[Any]], make_chapters: Callable[..., list[Any]]
) -> None:
    (novel,) = make_novels(1)
    chapters = make_chapters(novel, "one", "two")
    first = documents(novel)

    with write_transaction(as_user=novel.owner_id):
        documents_rebuild(novel_id=novel.pk)

    assert documents(novel) == first
    assert {chapter_id for chapter_id, _ in first} == {None, *(row.pk for row in chapters)}


def test_words_weigh_by_where_they_stand(
    make_novels: Callable[..., list[Any]], make_chapters: Callable[..., list[Any]]
) -> None:
    (novel,) = make_novels(1, title="Alpha", author="Beta", synopsis="gamma")
    make_chapters(novel, "delta", titles=["Epsilon"])

    vectors = dict(documents(novel))

    assert vectors.pop(None) == "'alpha':1A 'beta':2B 'gamma':3B"
    assert list(vectors.values()) == ["'delta':2 'epsilon':1A"]


@pytest.mark.parametrize("text", ["“Harbour!” he said.", "a ship—harbour—a ship", "l’harbour…"])
def test_typographic_marks_are_not_part_of_a_word(
    make_novels: Callable[..., list[Any]], make_chapters: Callable[..., list[Any]], text: str
) -> None:
    novel = make_novels(1)[0]
    make_chapters(novel, text)

    rows = Search(words="harbour").match().rank()

    assert [row.novel_id for row in rows] == [novel.pk]


def test_a_range_is_built_as_in_one_by_one(
    make_novels: Callable[..., list[Any]], make_chapters: Callable[..., list[Any]]
) -> None:
    english = Language.objects.get(code="en")
    novels = make_novels(2, language=english) + make_novels(1)
    for novel in novels:
        make_chapters(novel, "He was running.", "Houses")
    one_by_one = [documents(novel) for novel in novels]

    for novel in novels:
        with write_transaction(as_user=novel.owner_id):
            SearchDocument.objects.filter(novel=novel).delete()
    with write_transaction(as_staff=True), connection.cursor() as cursor:
        documents_build_range(cursor, novels[0].pk, novels[-1].pk)

    assert [documents(novel) for novel in novels] == one_by_one


def test_no_text_is_too_long_to_be_indexed(
    make_novels: Callable[..., list[Any]], make_chapters: Callable[..., list[Any]]
) -> None:
    """The oddest words that were found: pairs of four rare characters, all distinct."""
    rng = random.Random(1)  # noqa: S311
    rare = [chr(code) for code in range(0x20000, 0x2A000)]

    def odd_word() -> Any:
        return "-".join("".join(rng.choices(rare, k=4)) for _ in range(2))

    text = " ".join(odd_word() for _ in range(MAX_INDEXED_CHARS // 8))
    assert len(text) > MAX_INDEXED_CHARS
    (novel,) = make_novels(1)

    make_chapters(novel, text)

    assert len(documents(novel)) == 2


@pytest.mark.parametrize("piece", ["a_", "~/", "./", "<!-- ", "a.b-c@d-"])
def test_a_hostile_text_is_indexed_in_linear_time(
    make_novels: Callable[..., list[Any]], make_chapters: Callable[..., list[Any]], piece: str
) -> None:
    """PostgreSQL's parser takes minutes for these texts as they are."""
    (novel,) = make_novels(1)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '10s'")

    make_chapters(novel, "harbour " + piece * (MAX_INDEXED_CHARS // len(piece)))

    assert len(Search(words="harbour").match().rank()) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("words", ["{}", '"{}"'], ids=["all", "phrase"])
def test_many_words_that_stand_together_are_ranked_in_linear_time(
    make_novels: Callable[..., list[Any]],
    make_chapters: Callable[..., list[Any]],
    settings: Settings,
    words: str,
) -> None:
    """Compared in pairs, as for two words, 256 places of each take a third of a second per text."""
    letters = " ".join("abcdefghijklmnopqrstuvwxyz")
    settings.MORPHEUS_SEARCH_TIMEOUT_S = 3
    (novel,) = make_novels(1)
    make_chapters(novel, *[f"{letters} " * 256] * 30)

    assert len(Search(words=words.format(letters)).match().rank()) == 30


@pytest.fixture(autouse=True)
def without_statistics(db: None) -> None:
    """As of a new table: what autovacuum saw of other tests' documents would decide on plans."""
    with psycopg.connect(administrator_url(), dbname=connection.settings_dict["NAME"]) as admin:
        set_statistics(admin, pages=0, rows=-1)


def set_statistics(superuser: psycopg.Connection, *, pages: int, rows: int) -> None:
    """Set the size that the planner knows; PostgreSQL before 18 has no function for it."""
    superuser.execute(
        "UPDATE pg_class SET relpages = %s, reltuples = %s, relallvisible = 0 "
        "WHERE oid = 'novels_searchdocument'::regclass",
        [pages, rows],
    )


@pytest.mark.parametrize(("word", "expected"), [("frequent", 1000), ("rare", 1), ("absent", 0)])
def test_the_index_serves_a_search_under_row_level_security(
    make_novels: Callable[..., list[Any]], word: str, expected: int
) -> None:
    """Counted by PostgreSQL itself: the plan of a function is not shown to its caller."""
    (novel,) = make_novels(1)
    with write_transaction(as_user=novel.owner_id), connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO novels_searchdocument (novel_id, vector)
            SELECT %s, to_tsvector('simple', CASE i WHEN 7 THEN 'rare' ELSE 'frequent' END)
            FROM generate_series(1, 4000) i
            """,
            [novel.pk],
        )
    before = scans()

    rows = Search(words=word).match().rank()

    assert len(rows) == expected
    sequential, by_index = (now - then for now, then in zip(scans(), before, strict=True))
    assert (sequential, by_index > 0) == (0, True)


@pytest.mark.django_db(transaction=True)
def test_the_tenth_search_of_a_session_is_planned_as_the_first(
    make_novels: Callable[..., list[Any]],
) -> None:
    """Of any arguments, PostgreSQL would ask the novels one by one, once for each match."""
    novels = make_novels(500)
    with write_transaction(as_user=novels[0].owner_id), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO novels_searchdocument (novel_id, vector) "
            "SELECT id, 'frequent:1' FROM novels_novel, generate_series(1, 10)"
        )
    with connected_as("owner"), connection.cursor() as cursor:
        cursor.execute("ANALYZE novels_novel, novels_searchdocument")
    looked = []

    for _ in range(10):
        with transaction.atomic():
            before = sum(scans("novels_novel"))
            Search(words="frequent").match()
            looked.append(sum(scans("novels_novel")) - before)

    assert looked == looked[:1] * 10


@pytest.mark.parametrize("scope", [{}, {"reader_id": True}])
def test_a_frequent_word_costs_the_same_however_many_documents_have_it(
    make_novels: Callable[..., list[Any]], scope: dict[str, Any]
) -> None:
    mine, others = make_novels(1)[0], make_novels(1)[0]
    add_documents(mine, 1000 if scope else 25_000)
    search = Search(words="frequent", **{name: mine.owner_id for name in scope})
    before = candidates_and_documents_read(mine.owner_id, search)

    add_documents(others, 50_000)

    assert candidates_and_documents_read(mine.owner_id, search)[1] <= 1.1 * before[1]


@pytest.mark.django_db(transaction=True)
def test_statistics_of_an_empty_table_make_no_search_read_all_for_each(
    make_novels: Callable[..., list[Any]], connect: Callable[[str], psycopg.Connection]
) -> None:
    """As autovacuum leaves them, when many documents come before it looks again."""
    mine, other = make_novels(2)
    add_documents(mine, 5_000)
    add_documents(other, 1)
    set_statistics(connect("superuser"), pages=100, rows=0)
    search = Search(words="frequent")

    with transaction.atomic():
        before = documents_read()
        matches = search.match()
        assert documents_read() - before < 50_000
    with write_transaction(as_user=other.owner_id):
        Novel.objects.filter(pk=other.pk).update(is_public=False)
    with transaction.atomic():
        before = documents_read()
        again = search.refresh(matches)
        assert documents_read() - before < 10

    assert again is not None
    assert len(matches.candidates) == 1100 and len(again.candidates) == 1099


def test_the_newest_are_found_wherever_they_are(make_novels: Callable[..., list[Any]]) -> None:
    (novel,) = make_novels(1)
    add_documents(novel, 900)
    add_documents(novel, 60_000, vector="other:1")
    add_documents(novel, 700)

    ids = {row.id for row in Search(words="frequent").match().rank()}

    with write_transaction(as_user=novel.owner_id), connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM novels_searchdocument WHERE vector = 'frequent:1' "
            "ORDER BY id DESC LIMIT 1000"
        )
        assert ids == {row[0] for row in cursor.fetchall()}
    assert len(ids) == 1000


def add_documents(novel: Any, count: int, vector: str = "frequent:1") -> None:
    with write_transaction(as_user=novel.owner_id), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO novels_searchdocument (novel_id, vector) "
            "SELECT %s, %s FROM generate_series(1, %s)",
            [novel.pk, vector, count],
        )


def candidates_and_documents_read(user_id: int, search: Any) -> Any:
    """Return how many candidates there are, and how many documents were read for them."""
    before = documents_read()
    with write_transaction(as_user=user_id):
        count = len(search.match().rank())
    return count, documents_read() - before


def documents_read() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables "
            "WHERE relname = 'novels_searchdocument'"
        )
        (count,) = cursor.fetchone()
    return int(count)


def scans(table: str = "novels_searchdocument") -> Any:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT seq_scan, idx_scan FROM pg_stat_xact_user_tables WHERE relname = %s", [table]
        )
        return cursor.fetchone()
