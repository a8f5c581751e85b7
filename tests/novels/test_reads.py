"""Cached reads of novels: cold, warm, and after each kind of write."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from pytest_django import Settings

from morpheus.api.reads import Scope
from morpheus.cache import shadow_verification
from morpheus.db.transactions import read_transaction, write_transaction
from novels.models import Chapter, ChapterText, Genre, Language, Novel, ProcessingStatus
from novels.reads import (
    chapter_read,
    novel_cards,
    novel_list,
    novel_list_tags,
    novel_read,
    status_read,
)
from novels.search.query import Search
from novels.search.reads import search_candidates
from novels.serializers import NovelSerializer, StatusSerializer
from novels.services.novels import novel_delete, novel_update
from novels.services.processing import status_advance
from tests.conftest import as_staff, collect_tags
from tests.visitor import counted_queries
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def novel(
    make_novels: Callable[..., list[Any]], make_chapters: Callable[..., list[Any]], ann: User
) -> Any:
    gothic, english = Genre.objects.get(slug="gothic"), Language.objects.get(code="en")
    (novel,) = make_novels(1, owner=ann, genre=gothic, language=english, synopsis="About…")
    make_chapters(novel, "One.", "Two.")
    return novel


def cost(read: Any) -> int:
    with counted_queries() as seen:
        read()
    return len(seen.sql)


READS: dict[str, tuple[Callable[[Any], Any], int]] = {
    "card": (lambda novel: novel_cards([novel.pk]), 1),
    "list": (lambda novel: novel_list([novel.pk]), 2),
    "chapter": (lambda novel: chapter_read(novel.pk, 1, None), 1),
    "status": (lambda novel: status_read(novel.pk, None), 1),
}


def by_service(novel: Any) -> None:
    novel_update(novel_id=novel.pk, changes={"title": "Renamed"})
    status_advance(novel_id=novel.pk, owner_id=novel.owner_id, stage="reading", progress=5)
    ChapterText.objects.filter(chapter__novel=novel).update(content="Changed.")
    novel.owner.display_name = "Anne"
    novel.owner.save(update_fields=["display_name"])


def by_update(novel: Any) -> None:
    Novel.objects.filter(pk=novel.pk).update(title="Renamed")
    ProcessingStatus.objects.filter(pk=novel.pk).update(progress=5)
    Chapter.objects.filter(novel=novel).update(title="Renamed")


# Each changes only a value that the read returns.
BY_PSQL = {
    "card": "UPDATE novels_novel SET title = 'Renamed'",
    "list": "UPDATE users_user SET display_name = 'Anne'",
    "chapter": "UPDATE novels_chaptertext SET content = 'Changed.'",
    "status": "UPDATE novels_processingstatus SET progress = 5",
}


def test_an_edit_of_a_novel_invalidates_only_values_that_show_it(novel: Any) -> None:
    def read() -> Any:
        return chapter_read(novel.pk, 1, None), status_read(novel.pk, None)

    before = read()
    with write_transaction(as_user=novel.owner_id):
        novel_update(novel_id=novel.pk, changes={"title": "New", "synopsis": "New."})
    assert cost(read) == 0 and read() == before

    with write_transaction(as_user=novel.owner_id):
        novel_update(novel_id=novel.pk, changes={"is_public": False})
    assert read() == ((None, False), (None, False))


@pytest.mark.parametrize("name", READS)
@pytest.mark.parametrize("way", ["service", "update", "psql"])
def test_cold_warm_and_changed(
    novel: Any, by_psql: Callable[..., None], settings: Settings, name: str, way: str
) -> None:
    read, cold = READS[name]

    assert cost(lambda: read(novel)) == cold
    assert cost(lambda: read(novel)) == 0
    before = read(novel)
    if way == "service":
        with write_transaction(as_user=novel.owner_id):
            by_service(novel)
    elif way == "update":
        with as_staff():
            by_update(novel)
    else:
        by_psql(BY_PSQL[name])
    assert cost(lambda: read(novel)) >= 1
    after = read(novel)
    settings.MORPHEUS_CACHE = False
    assert after == read(novel) != before


def test_the_shape_is_the_serializers(novel: Any) -> None:
    with read_transaction(as_user=None):
        expected = NovelSerializer(
            Novel.objects.select_related("public_owner", "genre", "language").get(pk=novel.pk)
        ).data

    for _ in range(2):
        value, is_public = novel_read(novel.pk, None)
        assert is_public
        assert list(value.items()) == list(expected.items())


def test_a_cached_status_equals_its_serializers_output(novel: Any) -> None:
    expected = StatusSerializer(ProcessingStatus.objects.get(pk=novel.pk)).data

    assert list(status_read(novel.pk, None).value.items()) == list(expected.items())
    assert status_read(2**63, None).value is None


@pytest.mark.parametrize("reader", ["nobody", "owner", "another"])
def test_without_the_cache_a_list_is_the_same_by_one_query(
    novel: Any,
    make_novels: Callable[..., list[Any]],
    make_user: Callable[..., Any],
    settings: Settings,
    reader: str,
) -> None:
    novels = [novel, *make_novels(2, owner=novel.owner, is_public=False)]
    reader_id = {"nobody": None, "owner": novel.owner_id, "another": make_user().pk}[reader]
    wanted = [2**63, *(row.pk for row in reversed(novels))]
    cards = novel_list(wanted, reader_id)
    settings.MORPHEUS_CACHE = False

    assert novel_list(wanted, reader_id) == cards
    assert len(cards) == (3 if reader == "owner" else 1)
    assert cost(lambda: novel_list(wanted, reader_id)) == 1


def test_only_missing_cards_are_queried(make_novels: Callable[..., list[Any]]) -> None:
    novels = [novel.pk for novel in make_novels(4)]
    novel_list(novels[:2])

    with counted_queries() as seen:
        novel_list(novels)
    assert len(seen.sql) == 1  # The owner's name was there.
    assert [novel["id"] for novel in novel_list(novels[::-1])] == novels[::-1]


def test_a_rename_of_a_user_invalidates_the_name_and_no_card(
    make_novels: Callable[..., list[Any]], ann: User
) -> None:
    ids = [novel.pk for novel in make_novels(3, owner=ann)]
    novel_list(ids)

    with write_transaction(as_user=ann.pk):
        ann.display_name = "Anne"
        ann.save(update_fields=["display_name"])

    assert cost(lambda: novel_cards(ids)) == 0
    assert {novel["owner"]["display_name"] for novel in novel_list(ids)} == {"Anne"}


def test_a_private_novel_is_shown_to_its_owner_alone(
    make_novels: Callable[..., list[Any]], make_user: Callable[..., Any], ann: User
) -> None:
    (novel,) = make_novels(1, owner=ann, is_public=False)
    bob = make_user("bob")

    for _ in range(2):
        assert novel_cards([novel.pk]) == novel_cards([novel.pk], bob.pk) == {}
        assert novel_read(novel.pk, ann.pk) == (novel_list([novel.pk], ann.pk)[0], False)
        for read in (status_read, lambda *who: chapter_read(who[0], 1, who[1])):
            assert read(novel.pk, None).value is read(novel.pk, bob.pk).value is None
        assert not status_read(novel.pk, ann.pk).is_public


def test_a_withdrawn_novel_is_gone_for_others_at_once(
    novel: Any, make_user: Callable[..., Any]
) -> None:
    bob = make_user("bob")
    reads: list[Callable[..., Any]] = [
        lambda reader: novel_read(novel.pk, reader),
        lambda reader: status_read(novel.pk, reader),
        lambda reader: chapter_read(novel.pk, 1, reader),
    ]
    for read in reads:
        assert read(None).is_public and read(bob.pk).is_public

    with write_transaction(as_user=novel.owner_id):
        novel_update(novel_id=novel.pk, changes={"is_public": False})

    for read in reads:
        assert read(None).value is read(bob.pk).value is None
        assert read(novel.owner_id).value and not read(novel.owner_id).is_public
    with write_transaction(as_user=novel.owner_id):
        novel_update(novel_id=novel.pk, changes={"is_public": True})
    for read in reads:
        assert read(None).value == read(bob.pk).value == read(novel.owner_id).value is not None


def test_a_deleted_novel_is_gone_for_all_readers(novel: Any) -> None:
    ids = [novel.pk]
    assert novel_list(ids) and chapter_read(novel.pk, 1, None).value

    with write_transaction(as_user=novel.owner_id):
        novel_delete(novel_id=novel.pk)

    assert novel_list(ids, novel.owner_id) == []
    assert chapter_read(ids[0], 1, novel.owner_id).value is None
    assert status_read(ids[0], novel.owner_id).value is None


def test_a_novel_whose_owner_was_deleted_after_its_card_was_read_is_not_shown(
    novel: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("users.reads.user_names", lambda ids: dict.fromkeys(ids))

    assert novel_cards([novel.pk])
    assert novel_list([novel.pk]) == []


def test_impossible_ids_are_absent(novel: Any) -> None:
    huge = 10**30
    assert novel_cards([huge, novel.pk]).keys() == {novel.pk}
    assert novel_read(huge, 1).value is None
    assert chapter_read(huge, huge, 1).value is status_read(huge, 1).value is None


FILTERS: dict[str, tuple[dict[str, Any], str]] = {
    "all": ({}, "novels:all"),
    "genre": ({"genre": 3}, "novels:genre:3"),
    "language": ({"language": 5}, "novels:language:5"),
    "pair": ({"genre": 3, "language": 5}, "novels:pair:3:5"),
    "owner": ({"owner": 7}, "novels:owner:7"),
    "author": ({"author": "Mary"}, "novels:author:e39e74fb4e80ba656f773669ed50315a"),
}


@pytest.mark.parametrize("name", FILTERS)
def test_a_lists_tags_are_named_by_its_filters(name: str) -> None:
    compared, tag = FILTERS[name]

    assert novel_list_tags(Scope(), compared | {"is_public": True}, ["created_at", "id"]) == [tag]
    assert novel_list_tags(Scope(), compared, ["title", "id"]) == [tag, f"{tag}/title"]


@pytest.mark.django_db
def test_the_database_gives_lists_the_same_names(
    make_novels: Callable[..., list[Any]], ann: User
) -> None:
    """What a new novel touches is what the lists that it enters are kept under."""
    gothic, english = Genre.objects.get(slug="gothic"), Language.objects.get(code="en")
    fields = {"genre": gothic, "language": english, "owner": ann, "author": "Zoë ’ \\"}
    with collect_tags() as tags:
        make_novels(1, **fields)

    ids = SimpleNamespace(**{name: getattr(value, "pk", value) for name, value in fields.items()})
    lists = [[], ["genre"], ["language"], ["genre", "language"], ["owner"], ["author"]]
    names = {
        name
        for columns in lists
        for name in novel_list_tags(Scope(), {each: getattr(ids, each) for each in columns}, [])
    }
    assert names == {tag for tag in tags if tag.startswith("novels:")}


@pytest.fixture
def shadow_outcomes(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Check every hit, and return how each check ended."""
    settings.MORPHEUS_CACHE_SHADOW_PERCENT = 100
    outcomes: list[str] = []

    class Queue:
        def put_nowait(self, hits: Any) -> None:
            outcomes.extend(shadow_verification.verify(hits).elements())

    monkeypatch.setattr(shadow_verification, "_queue", Queue)
    monkeypatch.setattr(shadow_verification, "_GRACE_S", 0)
    return outcomes


def search(words: str = "one") -> Any:
    """Return the candidates, and the database functions that the search called."""
    with counted_queries() as seen:
        candidates = search_candidates(Search(words))
    statements = " ".join(seen.sql)
    return candidates, [
        name for name in ("matches", "changes") if f"novels_search_{name}(" in statements
    ]


@pytest.mark.parametrize("way", ["service", "psql"])
def test_unrelated_changes_do_not_invalidate_a_search(
    novel: Any,
    make_novels: Callable[..., list[Any]],
    make_chapters: Callable[..., list[Any]],
    by_psql: Callable[..., None],
    settings: Settings,
    way: str,
) -> None:
    (other,) = make_novels(1)
    make_chapters(other, "Two.")
    before, cold = search()
    assert cold == ["matches"] and search() == (before, [])

    if way == "service":
        with write_transaction(as_user=other.owner_id):
            novel_update(novel_id=other.pk, changes={"title": "Three"})
    else:
        by_psql("UPDATE novels_novel SET is_public = false WHERE id = %s", other.pk)

    assert search() == (before, ["changes"])
    assert search() == (before, [])
    settings.MORPHEUS_CACHE = False
    assert search()[0] == before


def test_a_cached_search_is_refreshed_with_changes_without_a_new_search(
    novel: Any, make_novels: Callable[..., list[Any]], make_chapters: Callable[..., list[Any]]
) -> None:
    before, _ = search()
    (other,) = make_novels(1)
    make_chapters(other, "One.")
    with_other, how = search()
    with write_transaction(as_user=novel.owner_id):
        novel_delete(novel_id=novel.pk)

    assert how == ["changes"]
    assert {row.novel_id for row in before} == {novel.pk}
    assert {row.novel_id for row in with_other} == {novel.pk, other.pk}
    assert {row.novel_id for row in search()[0]} == {other.pk}


def test_a_change_of_many_novels_causes_a_new_search(
    novel: Any, by_psql: Callable[..., None]
) -> None:
    search()

    by_psql("UPDATE novels_genre SET name = 'Horror' WHERE slug = 'gothic'")

    assert search()[1] == ["matches"]


def test_shadow_verification_reports_a_stale_search_and_not_one_of_another_snapshot(
    novel: Any, connect: Callable[[str], psycopg.Connection], shadow_outcomes: Any
) -> None:
    """A write without triggers does not invalidate the search."""
    search()
    search()
    assert shadow_outcomes == ["same"]
    psql = connect("superuser")
    psql.execute("SET session_replication_role = replica")
    psql.execute("UPDATE novels_novel SET is_public = false WHERE id = %s", [novel.pk])
    search()

    assert shadow_outcomes == ["same", "stale"]
