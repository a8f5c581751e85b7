"""Which tags each kind of write to novels and what belongs to them touches: these and no others."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import md5
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from morpheus.db.transactions import write_transaction
from novels.models import Chapter, ChapterText, Genre, Language, Novel, ProcessingStatus
from novels.parsing import ParsedChapter, ParsedNovel
from novels.search.documents import documents_rebuild
from novels.services.novels import novel_delete, novel_set_visibility, novel_update
from novels.services.processing import novel_store_parsed, status_advance
from tests.conftest import PASSWORD, as_staff, collect_tags, list_outbox_tags
from tests.morpheus.admin.conftest import url

pytestmark = pytest.mark.django_db


@pytest.fixture
def genres() -> list[Any]:
    return list(Genre.objects.order_by("pk")[:2])


@pytest.fixture
def language() -> Any:
    return Language.objects.get(code="en")


@pytest.fixture
def make(make_novels: Callable[..., list[Any]], genres: Any, language: Any) -> Callable[..., Any]:
    """Make a public novel, unless told otherwise, in the first genre and in English."""

    def make(**fields: Any) -> Any:
        fields = {"genre": genres[0], "language": language, "author": "Ann"} | fields
        return make_novels(**fields)[0]

    return make


def own(novel: Any) -> set[Any]:
    return {f"novel:{novel.pk}", f"owner:{novel.owner_id}/novels"}


def access(novel: Any) -> Any:
    """Return the tags of the novel's readers and of its language."""
    return own(novel) | {f"novel:{novel.pk}/access"}


def state(novel: Any) -> set[Any]:
    return {f"status:{novel.pk}", f"owner:{novel.owner_id}/states"}


def searches(novel: Any) -> Any:
    mine = {f"search:{novel.owner_id}"}
    return mine | {"search"} if novel.is_public else mine


def lists(novel: Any, suffix: str = "") -> set[Any]:
    """The public lists that a novel is in."""
    names = [
        "all",
        f"genre:{novel.genre_id}",
        f"language:{novel.language_id}",
        f"pair:{novel.genre_id}:{novel.language_id}",
        f"author:{md5(novel.author.encode(), usedforsecurity=False).hexdigest()}",
        f"owner:{novel.owner_id}",
    ]
    return {f"novels:{name}{suffix}" for name in names}


def with_save(novel: Any, **changes: Any) -> None:
    with write_transaction(as_user=novel.owner_id):
        for name, value in changes.items():
            setattr(novel, name, value)
        novel.save(update_fields=[*changes])


def with_update(novel: Any, **changes: Any) -> None:
    with write_transaction(as_user=novel.owner_id):
        Novel.objects.filter(pk=novel.pk).update(**changes)


def with_bulk_update(novel: Any, **changes: Any) -> None:
    with as_staff():
        for name, value in changes.items():
            setattr(novel, name, value)
        Novel.objects.bulk_update([novel], [*changes])


def with_sql(novel: Any, **changes: Any) -> None:
    """As psql does: no transaction of ours, so that the tags are in the outbox."""
    columns = ", ".join(f"{name} = %s" for name in changes)
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.staff', 'on', true)")
        cursor.execute(
            f"UPDATE novels_novel SET {columns} WHERE id = %s", [*changes.values(), novel.pk]
        )
        cursor.execute("SELECT set_config('app.staff', '', true)")


WAYS = pytest.mark.parametrize("write", [with_save, with_update, with_bulk_update, with_sql])


@WAYS
@pytest.mark.parametrize(
    ("changes", "suffixes"),
    [
        ({"synopsis": "New."}, []),
        ({"chapter_count": 7}, []),
        ({"title": "New"}, ["/title"]),
        ({"word_count": 7}, ["/word_count"]),
        ({"title": "New", "word_count": 7}, ["/title", "/word_count"]),
        ({"author": "Ann", "synopsis": "New."}, []),
    ],
)
def test_an_edit_touches_the_novel_and_the_orderings_by_what_was_edited(
    make: Callable[..., Any],
    write: Callable[..., Any],
    changes: dict[str, Any],
    suffixes: list[Any],
) -> None:
    novel = make()

    with collect_tags() as tags:
        write(novel, **changes)

    assert tags == own(novel).union(*(lists(novel, suffix) for suffix in suffixes))


@WAYS
def test_a_write_that_changes_nothing_touches_nothing(
    make: Callable[..., Any], write: Callable[..., Any]
) -> None:
    novel = make()

    with collect_tags() as tags:
        write(novel, title=novel.title, is_public=novel.is_public)

    assert tags == set()


@WAYS
def test_a_private_novel_is_in_no_list(make: Callable[..., Any], write: Callable[..., Any]) -> None:
    novel = make(is_public=False)

    with collect_tags() as tags:
        write(novel, title="New", word_count=7, author="Bob")

    assert tags == own(novel)


@WAYS
@pytest.mark.parametrize("is_public", [True, False])
def test_publishing_and_withdrawing_touch_lists_and_searches(
    make: Callable[..., Any], write: Callable[..., Any], is_public: bool
) -> None:
    novel = make(is_public=not is_public)

    with collect_tags() as tags:
        write(novel, is_public=is_public)

    assert tags == access(novel) | lists(novel) | searches(novel) | {"search"}


@WAYS
def test_a_moved_novel_touches_the_lists_that_it_leaves_and_enters(
    make: Callable[..., Any], genres: Any, write: Callable[..., Any]
) -> None:
    novel, before = make(), make()
    before.owner_id, before.pk = novel.owner_id, novel.pk

    with collect_tags() as tags:
        write(novel, genre_id=genres[1].pk, author="Bob")
    novel.genre_id, novel.author = genres[1].pk, "Bob"

    assert tags == own(novel) | lists(before) | lists(novel) | searches(novel)


def test_a_change_of_owner_touches_both_owners(
    make: Callable[..., Any], make_user: Callable[..., Any]
) -> None:
    novel, owner = make(), make_user()

    with collect_tags() as tags:
        with_bulk_update(novel, owner_id=owner.pk)
        after = Novel(pk=novel.pk, owner_id=owner.pk)

    for who in (novel, after):
        assert access(who) | {f"novels:owner:{who.owner_id}", f"search:{who.owner_id}"} <= tags


@WAYS
def test_a_change_of_language_touches_the_searches(
    make: Callable[..., Any], write: Callable[..., Any]
) -> None:
    novel, before = make(), make()
    before.owner_id = novel.owner_id
    other = Language.objects.get(code="de")

    with collect_tags() as tags:
        write(novel, language_id=other.pk)
    novel.language_id = other.pk

    assert tags == access(novel) | lists(before) - lists(novel) | (lists(novel) | searches(novel))


def test_a_novel_without_genre_and_language_is_in_fewer_lists(make: Callable[..., Any]) -> None:
    novel = make(genre=None, language=None)

    with collect_tags() as tags:
        with_update(novel, title="New")

    assert tags == own(novel) | {tag for tag in lists(novel, "/title") if "None" not in tag}


@pytest.mark.parametrize("is_public", [True, False])
def test_a_new_novel_touches_the_lists_that_it_is_in(
    make_user: Callable[..., Any],
    make: Callable[..., Any],
    genres: Any,
    language: Any,
    is_public: bool,
) -> None:
    owner = make_user()

    with collect_tags() as tags:
        novel = make(owner=owner, is_public=is_public)

    in_lists = lists(novel) if is_public else set()
    assert tags == access(novel) | state(novel) | in_lists | searches(novel)


def test_a_deleted_novel_touches_the_tags_of_its_deleted_rows(
    make: Callable[..., Any], make_chapters: Callable[..., list[Any]]
) -> None:
    novel, other = make(), make()
    make_chapters(novel, "One.", "Two.")
    make_chapters(other, "One.")

    with collect_tags() as tags, write_transaction(as_user=novel.owner_id):
        novel_delete(novel_id=novel.pk)

    assert tags == access(novel) | lists(novel) | searches(novel) | {
        f"chapters:{novel.pk}",
        f"status:{novel.pk}",
    }


def test_the_services_touch_what_they_change(
    make: Callable[..., Any], make_chapters: Callable[..., list[Any]]
) -> None:
    novel = make()
    make_chapters(novel, "One.")

    with collect_tags() as tags, write_transaction(as_user=novel.owner_id):
        novel_update(novel_id=novel.pk, changes={"title": "New"})
    # Its search document is another.
    assert tags == own(novel) | lists(novel, "/title") | searches(novel)

    with collect_tags() as tags, write_transaction(as_user=novel.owner_id):
        novel_set_visibility(novel_ids=[novel.pk], is_public=True)
    assert tags == set()


def test_a_parse_touches_chapters_search_and_status(
    make: Callable[..., Any], make_chapters: Callable[..., list[Any]]
) -> None:
    novel = make()
    make_chapters(novel, "One.")
    chapters = (ParsedChapter(title="New", content="Some words."),)
    parsed = ParsedNovel(title="", author="", language="", chapters=chapters)

    with collect_tags() as tags:
        status_advance(novel_id=novel.pk, owner_id=novel.owner_id, stage="reading", progress=3)
    assert tags == state(novel)

    with collect_tags() as tags, write_transaction(as_user=novel.owner_id):
        novel_store_parsed(novel_id=novel.pk, parsed=parsed, given=["title"])
    assert tags == own(novel) | state(novel) | lists(novel, "/word_count") | searches(novel) | {
        f"chapters:{novel.pk}"
    }


@pytest.mark.parametrize(
    ("write", "is_shown"),
    [
        (lambda: Chapter.objects.update(title="New"), True),
        (lambda: Chapter.objects.update(word_count=7), True),
        (lambda: ChapterText.objects.update(content="New."), True),
        (lambda: Chapter.objects.filter(number=1).delete(), True),
        (lambda: ChapterText.objects.all().delete(), True),
        (lambda: Chapter.objects.update(title="Chapter 1"), False),
        (lambda: ChapterText.objects.update(content="One."), False),
    ],
)
def test_chapters_and_texts_touch_their_novels_chapters(
    make: Callable[..., Any],
    make_chapters: Callable[..., list[Any]],
    write: Callable[..., Any],
    is_shown: bool,
) -> None:
    novel = make()
    make_chapters(novel, "One.")

    with collect_tags() as tags, write_transaction(as_user=novel.owner_id):
        write()

    assert {tag for tag in tags if "search" not in tag} == (
        {f"chapters:{novel.pk}"} if is_shown else set()
    )


def test_new_chapters_touch_their_novels(
    make: Callable[..., Any], make_chapters: Callable[..., list[Any]]
) -> None:
    novels = [make(), make(is_public=False)]

    with collect_tags() as tags:
        for novel in novels:
            make_chapters(novel, "One.", "Two.")

    for novel in novels:
        assert own(novel) | searches(novel) | {f"chapters:{novel.pk}"} <= tags
    assert len(tags) == 9  # Each once, and "search" by one of them.


@pytest.mark.parametrize("is_public", [True, False])
def test_search_documents_touch_the_searches_that_find_them(
    make: Callable[..., Any], make_chapters: Callable[..., list[Any]], is_public: bool
) -> None:
    novel = make(is_public=is_public)
    make_chapters(novel, "One.")

    with collect_tags() as tags, write_transaction(as_user=novel.owner_id):
        documents_rebuild(novel_id=novel.pk)

    assert tags == searches(novel)


def test_an_unchanged_status_touches_nothing(make: Callable[..., Any]) -> None:
    novel = make()

    with collect_tags() as tags, write_transaction(as_user=novel.owner_id):
        ProcessingStatus.objects.filter(pk=novel.pk).update(progress=100)

    assert tags == set()


@pytest.mark.parametrize("model", [Genre, Language])
def test_names_that_nearly_every_response_shows_touch_everything(model: Any) -> None:
    row = model.objects.first()

    with collect_tags() as tags:
        row.save()
    assert tags == set()

    with collect_tags() as tags:
        model.objects.filter(pk=row.pk).update(name="New")
    assert tags == {"all"}


def test_the_admin_touches_what_it_changes(
    make: Callable[..., Any], make_user: Callable[..., Any]
) -> None:
    novel = make(is_public=False)
    operator = make_user("root", is_staff=True, is_superuser=True)
    site = Client()
    site.login(username=operator.email, password=PASSWORD)

    with collect_tags() as tags:
        form = {"action": "publish", "_selected_action": [novel.pk]}
        assert site.post(url(Novel, "changelist"), form).status_code == 302

    novel.is_public = True
    assert tags == access(novel) | lists(novel) | searches(novel)


def test_the_api_touches_what_it_changes(
    make: Callable[..., Any], as_user: Callable[..., APIClient]
) -> None:
    novel = make()
    client = as_user(novel.owner)

    with collect_tags() as tags:
        response = client.patch(f"/api/v1/novels/{novel.pk}/", {"synopsis": "New."})
        assert response.status_code == 200

    assert tags == own(novel) | searches(novel)


def test_more_changed_rows_than_the_limit_touch_everything(
    make: Callable[..., Any], make_chapters: Callable[..., list[Any]]
) -> None:
    """A statement of so many rows is judged by their number alone."""
    novel = make()
    make_chapters(novel, "One.")
    # The same row again, with whatever columns it has, under other numbers.
    multiply = (
        "INSERT INTO novels_chapter SELECT (jsonb_populate_record(c, jsonb_build_object("
        "'id', nextval(pg_get_serial_sequence('novels_chapter', 'id')), 'number', n))).* "
        "FROM novels_chapter c, generate_series(%s::int, %s::int) n WHERE c.number = 1"
    )
    expected = {f"chapters:{novel.pk}"}

    def tags_of(statement: Any, *params: Any) -> Any:
        with collect_tags() as tags, as_staff(), connection.cursor() as cursor:
            cursor.execute(statement, params)
        return tags

    assert tags_of(multiply, 2, 10_001) == expected
    assert tags_of(multiply, 10_002, 20_002) == {"all"}
    assert tags_of("UPDATE novels_chapter SET title = 'D' WHERE number <= 10000") == expected
    assert tags_of("UPDATE novels_chapter SET title = 'E'") == {"all"}
    assert tags_of("DELETE FROM novels_chapter WHERE number > 10002") == expected
    assert tags_of("DELETE FROM novels_chapter") == {"all"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("table", ["novels_chaptertext", "novels_processingstatus"])
def test_copy_as_the_loader_leaves_its_tags_in_the_outbox(
    make: Callable[..., Any],
    make_chapters: Callable[..., list[Any]],
    psql: psycopg.Connection,
    connect: Callable[[str], psycopg.Connection],
    table: str,
) -> None:
    novels = [make(), make(is_public=False)]
    for novel in novels:
        make_chapters(novel, "One.", "Two.")
    expected = {
        "novels_chaptertext": {f"chapters:{novel.pk}" for novel in novels},
        "novels_processingstatus": {tag for novel in novels for tag in state(novel)},
    }

    with psql.cursor() as cursor, cursor.copy(f"COPY {table} TO STDOUT") as copy:
        rows = [bytes(row) for row in copy]
    psql.execute(f"DELETE FROM {table}")
    psql.execute("TRUNCATE cache_outbox")
    with connect("loader").cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as copy:
        for row in rows:
            copy.write(row)

    assert list_outbox_tags(psql) == sorted(expected[table])


@pytest.mark.django_db(transaction=True)
def test_a_change_that_is_rolled_back_leaves_nothing(
    make: Callable[..., Any], psql: psycopg.Connection
) -> None:
    novel = make()
    psql.execute("TRUNCATE cache_outbox")

    with pytest.raises(ZeroDivisionError), psql.transaction():
        psql.execute("UPDATE novels_novel SET title = 'New' WHERE id = %s", [novel.pk])
        raise ZeroDivisionError

    assert list_outbox_tags(psql) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "table",
    [
        "novels_novel",
        "novels_chaptertext",
        "novels_searchdocument",
        "novels_processingstatus",
        "comics_panel",
        "users_token",
    ],
)
def test_a_truncated_table_touches_everything(psql: psycopg.Connection, table: str) -> None:
    psql.execute(f"TRUNCATE {table} CASCADE")

    assert set(list_outbox_tags(psql)) == {"all"}
