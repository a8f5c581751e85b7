"""Chapters, texts, states and panels have owner and visibility of what they belong to, always."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.db import connection
from rest_framework.test import APIClient

from comics.models import Comic, Image, Panel
from comics.services.comics import comic_set_visibility, comic_update
from morpheus.db.transactions import write_transaction
from novels.models import Chapter, ChapterText, Novel, NovelUpload, ProcessingStatus
from novels.parsing import ParsedChapter, ParsedNovel
from novels.services.novels import novel_set_visibility, novel_update
from novels.services.processing import novel_store_parsed
from tests.rls.conftest import connect, rolled_back
from users.models import Belonging, belonging_to

MODELS = [model for model in apps.get_models() if issubclass(model, Belonging)]
OF_NOVEL = [Novel, Chapter, ChapterText, ProcessingStatus]
TABLES = [model._meta.db_table for model in MODELS]


def shown(*models: Any) -> Any:
    """Return which visibilities and owners the rows have, past row level security."""
    with connect("loader") as loader:
        return {
            row
            for model in models
            for row in loader.execute(f"SELECT owner_id, is_public FROM {model._meta.db_table}")
        }


@pytest.fixture
def novel(transactional_db: None, make_user: Any, make_novels: Any, make_chapters: Any) -> Any:
    """A private novel of Ann's with two chapters, made from a file."""
    ann = make_user("ann")
    novel = make_novels(owner=ann, is_public=False)[0]
    with write_transaction(as_user=ann.pk):
        NovelUpload.objects.create(novel=novel, owner=ann, digest="0" * 64, size_bytes=1)
    make_chapters(novel, "One.", "Two.")
    return novel


@pytest.mark.django_db
@pytest.mark.parametrize("model", MODELS)
def test_the_database_itself_keeps_each_of_them_in_step(model: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE conrelid = %s::regclass AND contype = 'f' AND confupdtype = 'c'",
            [model._meta.db_table],
        )
        ((definition,),) = cursor.fetchall()

    assert ", owner_id, is_public) REFERENCES" in definition
    assert "(id, owner_id, is_public) ON UPDATE CASCADE ON DELETE CASCADE" in definition
    assert not any(model._meta.get_field(name).null for name in ("owner", "is_public"))


@pytest.mark.parametrize("change", ["is_public = NOT is_public", "owner_id = {other}"])
@pytest.mark.parametrize("table", TABLES)
def test_no_role_can_change_owner_or_visibility_of_a_row(
    people: Any, table: Any, change: Any
) -> None:
    """The loader tries, which no policy binds."""
    with connect("loader") as loader, rolled_back(loader):
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            loader.execute(f"UPDATE {table} SET {change.format(other=people['bob'].pk)}")


def test_a_user_adds_nothing_to_rows_of_others_nor_learns_whether_they_exist(people: Any) -> None:
    """In the same words, whether it is said to be one's own or its owner's."""
    ann, bob = people["ann"].pk, people["bob"].pk
    add = (
        "INSERT INTO novels_chapter (novel_id, number, title, word_count, owner_id, is_public) "
        "VALUES (%s, 9, 'Mine', 0, %s, %s)"
    )
    with connect("loader") as loader:
        theirs: dict[bool, int] = dict(
            loader.execute("SELECT is_public, id FROM novels_novel").fetchall()
        )
    refusals = set()
    for novel_id, is_public in ((theirs[True], True), (theirs[False], False), (10**9, False)):
        with connect("app", bob) as opened, rolled_back(opened):
            with pytest.raises(psycopg.errors.InsufficientPrivilege) as refused:
                opened.execute(add, [novel_id, bob, is_public])
            refusals.add(str(refused.value))
        with connect("app", bob) as opened, rolled_back(opened):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                opened.execute(add, [novel_id, ann, is_public])

    assert len(refusals) == 1


def test_a_novel_takes_all_that_belongs_to_it_along(novel: Any, api: APIClient) -> None:
    paths = [
        f"/api/v1/novels/{novel.pk}/{path}" for path in ("chapters/", "chapters/2/", "status/")
    ]
    assert shown(*OF_NOVEL) == {(novel.owner_id, False)}

    with write_transaction(as_user=novel.owner_id):
        novel_update(novel_id=novel.pk, changes={"is_public": True})
    assert shown(*OF_NOVEL) == {(novel.owner_id, True)}
    assert [api.get(path).status_code for path in paths] == [200, 200, 200]

    with write_transaction(as_staff=True):
        novel_set_visibility(novel_ids=[novel.pk], is_public=False)
    assert shown(*OF_NOVEL) == {(novel.owner_id, False)}
    assert [api.get(path).status_code for path in paths] == [404, 404, 404]


def test_a_comic_takes_its_panels_along(transactional_db: None, make_user: Any) -> None:
    ann = make_user("ann")
    with write_transaction(as_user=ann.pk):
        comic = Comic.objects.create(title="C", owner=ann)
        image = Image.objects.create(digest="0" * 64, width=1, height=1, size_bytes=1)
        Panel.objects.create(comic=comic, number=1, image=image, **belonging_to(comic))

    with write_transaction(as_staff=True):
        comic_set_visibility(comic_ids=[comic.pk], is_public=True)
    assert shown(Panel) == {(ann.pk, True)}

    with write_transaction(as_user=ann.pk):
        comic_update(comic_id=comic.pk, is_public=False)
    assert shown(Panel) == {(ann.pk, False)}


CHAPTERS = tuple(ParsedChapter(f"Chapter {number}", "text") for number in range(1, 51))


def test_publishing_waits_for_a_parse_that_stores_and_then_takes_its_chapters_along(
    novel: Any,
) -> None:
    with in_thread(publish, novel) as publishing, write_transaction(as_user=novel.owner_id):
        store(novel)
        publishing.start()
        until_it_waits(publishing)

    assert shown(*OF_NOVEL) == {(novel.owner_id, True)}


def test_a_parse_waits_for_publishing_and_then_stores_public_chapters(novel: Any) -> None:
    with in_thread(store, novel) as storing, write_transaction(as_user=novel.owner_id):
        publish(novel)
        storing.start()
        until_it_waits(storing)

    assert shown(*OF_NOVEL) == {(novel.owner_id, True)}
    with connect("loader") as loader:
        assert loader.execute("SELECT count(*) FROM novels_chapter").fetchone() == (len(CHAPTERS),)


def test_publishing_withdrawing_and_parsing_at_once_do_not_deadlock(novel: Any) -> None:
    def publish_and_withdraw() -> None:
        for turn in range(15):
            publish(novel, turn % 2 == 0)

    def parse() -> None:
        for _ in range(15):
            store(novel)

    with ExitStack() as stack:
        for act in (publish_and_withdraw, publish_and_withdraw, parse):
            stack.enter_context(in_thread(act)).start()

    assert len(shown(*OF_NOVEL)) == 1


def publish(novel: Any, is_public: Any = True) -> None:
    with write_transaction(as_user=novel.owner_id):
        novel_set_visibility(novel_ids=[novel.pk], is_public=is_public)


def store(novel: Any) -> None:
    parsed = ParsedNovel("T", "A", "en", CHAPTERS)
    with write_transaction(as_user=novel.owner_id):
        novel_store_parsed(novel_id=novel.pk, parsed=parsed, given=["title", "author", "language"])


@contextmanager
def in_thread(act: Any, *arguments: Any) -> Iterator[Any]:
    """Give a thread to be started; at the end wait for it, and fail as it failed."""
    failed = []

    def run() -> None:
        try:
            act(*arguments)
        except Exception as error:
            failed.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    yield thread
    thread.join()
    assert failed == []


def until_it_waits(thread: Any) -> None:
    """Return when a statement of this database waits for a lock, or the thread has ended."""
    waiting = (
        "SELECT 1 FROM pg_locks JOIN pg_stat_activity USING (pid) "
        "WHERE NOT granted AND datname = current_database()"
    )
    with connect("loader") as loader:
        loader.autocommit = True
        while thread.is_alive() and not loader.execute(waiting).fetchone():
            pass
