"""GET /genres/ and /languages/: their numbers of public novels are exact after every write."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import connection
from rest_framework.test import APIClient

from morpheus.db.transactions import write_transaction
from novels.models import Genre, Language, Novel, NovelUpload, PublicCount
from novels.parsing import ParsedChapter, ParsedNovel
from novels.reads import genre_list, language_list
from novels.services.novels import novel_delete, novel_set_visibility, novel_update
from novels.services.processing import novel_store_parsed
from tests.conftest import as_staff
from tests.visitor import counted_queries

pytestmark = pytest.mark.django_db(transaction=True)

GENRES, LANGUAGES = "/api/v1/genres/", "/api/v1/languages/"


def genre(slug: str) -> Genre:
    return Genre.objects.get(slug=slug)


def language(code: str) -> Language:
    return Language.objects.get(code=code)


@pytest.fixture
def make(make_novels: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    """Make public horror novels in English, unless told otherwise."""

    def make(count: int = 1, **fields: Any) -> list[Any]:
        fields = {"genre": genre("horror"), "language": language("en")} | fields
        return make_novels(count, **fields)

    return make


def read(api: APIClient) -> dict[str, int]:
    """Return the numbers above 0 that both lists show, by slug or code."""
    rows = [*api.get(GENRES).json()["results"], *api.get(LANGUAGES).json()["results"]]
    shown = {row.get("slug") or row["code"]: row["novel_count"] for row in rows}
    return {name: count for name, count in shown.items() if count}


def recount() -> dict[str, int]:
    """Return the same numbers, counted."""
    with as_staff():
        rows = Novel.objects.public().values_list("genre__slug", "language__code")
        names = [name for row in rows for name in row if name is not None]
    return {name: names.count(name) for name in names}


def test_a_list_has_all_rows_by_name_in_one_page(api: APIClient, make: Callable[..., Any]) -> None:
    make(2)
    make(1, is_public=False)

    body = api.get(GENRES).json()

    assert (body["next"], body["previous"]) == (None, None)
    assert len(body["results"]) == Genre.objects.count()
    names = [row["name"] for row in body["results"]]
    assert names == sorted(names)
    [horror] = [row for row in body["results"] if row["slug"] == "horror"]
    assert horror == {"slug": "horror", "name": "Horror", "novel_count": 2}
    [english] = [row for row in api.get(LANGUAGES).json()["results"] if row["code"] == "en"]
    assert english == {"code": "en", "name": "English", "novel_count": 2}
    assert api.get(f"{GENRES}?page_size=1").status_code == 400


def test_a_number_is_that_of_the_list_that_it_names(
    api: APIClient, make: Callable[..., Any]
) -> None:
    make(3)
    make(2, genre=genre("gothic"), language=None)

    for row in api.get(GENRES).json()["results"]:
        listed = api.get(f"/api/v1/novels/?genre={row['slug']}&page_size=100").json()["results"]
        assert row["novel_count"] == len(listed)


def test_every_caller_reads_the_same(
    api: APIClient, as_user: Callable[..., APIClient], make: Callable[..., Any]
) -> None:
    (novel,) = make(is_public=False)
    make(1, owner=novel.owner)

    for client in (api, as_user(novel.owner)):
        assert read(client) == {"horror": 1, "en": 1}
        assert client.get(GENRES)["Cache-Control"] == "public, no-cache"


WRITES: dict[str, Callable[[Any], Any]] = {
    "withdrawn": lambda novel: novel_update(novel_id=novel.pk, changes={"is_public": False}),
    "genre": lambda novel: novel_update(novel_id=novel.pk, changes={"genre": genre("gothic")}),
    "neither": lambda novel: novel_update(
        novel_id=novel.pk, changes={"genre": None, "language": None}
    ),
    "deleted": lambda novel: novel_delete(novel_id=novel.pk),
    "by the admin": lambda novel: novel_set_visibility(
        novel_ids=[*Novel.objects.values_list("pk", flat=True)], is_public=False
    ),
    "title": lambda novel: novel_update(novel_id=novel.pk, changes={"title": "Other"}),
    "author": lambda novel: novel_update(novel_id=novel.pk, changes={"author": "Other"}),
}


@pytest.mark.parametrize("way", WRITES)
def test_a_write_is_in_the_next_read(api: APIClient, make: Callable[..., Any], way: str) -> None:
    novel, *_ = make(3)
    make(2, genre=genre("gothic"), language=language("de"))
    make(2, is_public=False)
    assert read(api) == recount() == {"horror": 3, "gothic": 2, "en": 3, "de": 2}

    with as_staff():
        WRITES[way](novel)

    assert read(api) == recount()


def test_a_parse_that_finds_the_language_counts_it(
    api: APIClient, make: Callable[..., Any]
) -> None:
    (novel,) = make(language=None)
    assert read(api) == {"horror": 1}

    parsed = ParsedNovel("T", "A", "fr", (ParsedChapter("One", "Text"),))
    with write_transaction(as_user=novel.owner_id):
        NovelUpload.objects.create(novel=novel, owner=novel.owner, digest="0" * 64, size_bytes=1)
        novel_store_parsed(novel_id=novel.pk, parsed=parsed, given=["title", "author"])

    assert read(api) == {"horror": 1, "fr": 1}


def test_a_rolled_back_write_counts_nothing(api: APIClient, make: Callable[..., Any]) -> None:
    (novel,) = make()

    with pytest.raises(ZeroDivisionError), as_staff():
        novel_delete(novel_id=novel.pk)
        raise ZeroDivisionError

    assert read(api) == {"horror": 1, "en": 1}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE novels_novel SET is_public = NOT is_public",
        "UPDATE novels_novel SET genre_id = (SELECT id FROM novels_genre WHERE slug = 'gothic')",
        "DELETE FROM novels_novel WHERE is_public",
        "TRUNCATE novels_novel CASCADE",
        # More than 10,000 rows: all numbers are corrected.
        "INSERT INTO novels_novel (title, author, synopsis, genre_id, is_public, word_count, "
        "chapter_count, owner_id, created_at, updated_at) "
        "SELECT 'T', '', '', genre_id, mod(n, 3) > 0, 0, 0, owner_id, now(), now() "
        "FROM novels_novel, generate_series(1, 2001) n",
    ],
)
def test_a_write_by_psql_counts(
    api: APIClient, make: Callable[..., Any], by_psql: Callable[..., None], statement: str
) -> None:
    make(3)
    make(2, is_public=False)
    read(api)

    by_psql(statement)

    assert read(api) == recount()


def test_a_renamed_genre_keeps_its_number(api: APIClient, make: Callable[..., Any]) -> None:
    make()
    read(api)

    with as_staff():
        Genre.objects.filter(slug="horror").update(slug="dread")

    assert read(api) == {"dread": 1, "en": 1}


def test_a_number_costs_nothing_while_it_is_cached_and_one_query_for_each_list_otherwise(
    make: Callable[..., Any], settings: Any
) -> None:
    def cost(work: Callable[[], Any]) -> int:
        with counted_queries() as seen:
            work()
        return len([sql for sql in seen.sql if "novels_publiccount" in sql])

    (novel,) = make()
    assert [cost(genre_list), cost(genre_list)] == [1, 0]
    assert [cost(language_list), cost(language_list)] == [1, 0]
    with as_staff():
        novel_update(novel_id=novel.pk, changes={"title": "Other"})
    assert cost(genre_list) == 0
    with as_staff():
        novel_update(novel_id=novel.pk, changes={"is_public": False})
    assert cost(genre_list) == 1

    settings.MORPHEUS_CACHE = False
    assert [cost(genre_list), cost(language_list)] == [1, 1]


def insert_public(opened: psycopg.Connection, novel: Any) -> None:
    opened.execute(
        "INSERT INTO novels_novel (title, author, synopsis, genre_id, is_public, word_count, "
        "chapter_count, owner_id, created_at, updated_at) "
        "SELECT 'T', '', '', genre_id, true, 0, 0, owner_id, now(), now() "
        "FROM novels_novel WHERE id = %s",
        [novel.pk],
    )


def test_writers_do_not_wait_for_each_other_and_leave_few_rows(
    api: APIClient, make: Callable[..., Any], connect: Callable[[str], psycopg.Connection]
) -> None:
    (novel,) = make()
    writers = [connect("loader") for _ in range(3)]
    for writer in writers:
        writer.execute("SET lock_timeout = '1ms'")
        writer.execute("BEGIN")
        insert_public(writer, novel)
    for writer in writers:
        insert_public(writer, novel)
    writers.pop().execute("ROLLBACK")
    for writer in writers:
        writer.execute("COMMIT")

    for _ in range(10):
        make(1)

    horror = novel.genre_id
    parts = PublicCount.objects.filter(genre=horror)
    assert sum(part.novels for part in parts) == 15 == read(api)["horror"]
    assert len(parts) <= 4


def test_correcting_beside_writers_leaves_the_right_numbers(
    make: Callable[..., Any], psql: psycopg.Connection, connect: Callable[..., psycopg.Connection]
) -> None:
    (novel,) = make()
    psql.execute("DELETE FROM novels_publiccount")
    open_writer, writer = connect("loader"), connect("loader")
    open_writer.execute("BEGIN")
    insert_public(open_writer, novel)

    def write() -> None:
        for _ in range(50):
            insert_public(writer, novel)

    thread = threading.Thread(target=write)
    thread.start()
    while thread.is_alive():
        psql.execute("SELECT novels_public_counts_correct()")
    thread.join()
    open_writer.execute("COMMIT")

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT sum(novels) FROM novels_publiccount WHERE genre_id = %s), "
            "(SELECT count(*) FROM novels_novel WHERE genre_id = %s)",
            [novel.genre_id] * 2,
        )
        counted, novels = cursor.fetchone()
    assert counted == novels == 52


def test_the_serving_role_changes_no_number(connect: Callable[[str], psycopg.Connection]) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connect("app").execute("UPDATE novels_publiccount SET novels = 7")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connect("app").execute("SELECT novels_public_counts_correct()")
