"""A warm cache serves novels without a statement, to every reader."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from morpheus.cache.cached_reads import VisibleValue
from morpheus.db.transactions import write_transaction
from novels.models import Genre, Language
from novels.reads import CHAPTERS, novel_access
from novels.services.novels import novel_delete, novel_update
from novels.views.chapters import ChapterListView
from tests.visitor import Visitor, counted_queries
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/api/v1/novels/"
SEARCH = "/api/v1/search/"


@pytest.fixture
def novel(
    make_novels: Callable[..., list[Any]], make_chapters: Callable[..., list[Any]], ann: User
) -> Any:
    gothic, english = Genre.objects.get(slug="gothic"), Language.objects.get(code="en")
    make_novels(5, genre=gothic, language=english)
    (novel,) = make_novels(1, owner=ann, genre=gothic, language=english)
    make_chapters(novel, "One whale.", "Two whales.", "Three.")
    return novel


def urls(novel: Any) -> dict[str, Any]:
    """Return statements with an empty cache, and without: a list is then one statement."""
    return {
        f"{LIST}": (3, 1),
        f"{LIST}?ordering=title&page_size=2": (3, 1),
        f"{LIST}?ordering=-word_count": (3, 1),
        f"{LIST}?author=Somebody": (3, 1),
        f"{LIST}?owner={novel.owner_id}": (3, 1),
        f"{LIST}{novel.pk}/": (2, 1),
        f"{LIST}{novel.pk}/chapters/": (2, 1),
        f"{LIST}{novel.pk}/chapters/?page_size=1": (2, 1),
        f"{LIST}{novel.pk}/chapters/2/": (1, 1),
        f"{LIST}{novel.pk}/status/": (1, 1),
        f"{SEARCH}?q=whale": (4, 4),
        f"{SEARCH}?q=whale&kind=chapter&page_size=1": (4, 4),
    }


def test_public_responses_come_from_the_response_cache(
    visitor: Visitor, novel: Any, settings: Settings
) -> None:
    for url, (cold, without) in urls(novel).items():
        settings.MORPHEUS_CACHE = True
        first, second = visitor.get(url), visitor.get(url)
        settings.MORPHEUS_CACHE = False
        plain = visitor.get(url)

        assert first.status == 200, first.body
        # Fewer where an earlier response has cached cards or names.
        assert len(first.queries) <= cold and not first.was_cached, (url, first.queries)
        assert second.was_cached and second.queries == [], url
        assert first.body == second.body == plain.body
        assert first.headers["ETag"] == second.headers["ETag"] == plain.headers["ETag"]
        assert len(plain.queries) == without, (url, plain.queries)


def test_further_pages_come_from_the_response_cache_too(visitor: Visitor, novel: Any) -> None:
    for _ in range(2):
        page = visitor.get(f"{LIST}?page_size=2")
        while following := page.json()["next"]:
            page = visitor.get(following)
    assert page.was_cached and len(page.json()["results"]) == 2


def test_a_logged_in_reader_costs_only_the_queries_of_identity(
    as_user: Callable[..., APIClient], make_user: Callable[..., Any], novel: Any
) -> None:
    bob = as_user(make_user("bob"))
    for url in urls(novel):
        bob.get(url)
        with counted_queries() as seen:
            assert bob.get(url).status_code == 200
        assert not [sql for sql in seen.sql if "novels_" in sql], url


def test_a_private_novel_costs_its_owner_only_the_queries_of_identity(
    as_user: Callable[..., APIClient],
    ann: User,
    make_novels: Callable[..., list[Any]],
    make_chapters: Callable[..., list[Any]],
) -> None:
    (novel,) = make_novels(1, owner=ann, is_public=False)
    make_chapters(novel, "Secret.")
    client = as_user(ann)
    for url, cold in {
        f"{LIST}?owner=me": 3,
        f"{LIST}{novel.pk}/": 0,
        f"{LIST}{novel.pk}/chapters/": 1,
        f"{LIST}{novel.pk}/chapters/1/": 2,
        f"{LIST}{novel.pk}/status/": 2,
        f"{SEARCH}?q=secret&scope=mine": 3,
    }.items():
        for most in (cold, 0):
            with counted_queries() as seen:
                response = client.get(url)
            assert response.status_code == 200 and "private" in response["Cache-Control"]
            assert len([sql for sql in seen.sql if "novels_" in sql]) <= most, (url, seen.sql)


def test_a_change_of_a_shown_value_invalidates_the_cached_response(
    visitor: Visitor, novel: Any, by_psql: Callable[..., None]
) -> None:
    url, lists = f"{LIST}{novel.pk}/", f"{LIST}?ordering=title"

    def warm() -> Any:
        return [visitor.get(each).was_cached for each in (url, url, lists, lists)][1::2]

    def titles() -> Any:
        return visitor.get(url).json()["title"], visitor.get(lists).json()["results"][-1]["title"]

    assert warm() == [True, True]
    with write_transaction(as_user=novel.owner_id):
        novel_update(novel_id=novel.pk, changes={"title": "Zoo"})
    assert titles() == ("Zoo", "Zoo")
    assert warm() == [True, True]
    by_psql("UPDATE novels_novel SET title = 'Zoology' WHERE id = %s", novel.pk)
    assert titles() == ("Zoology", "Zoology")
    warm()
    by_psql("UPDATE users_user SET display_name = 'Anne' WHERE id = %s", novel.owner_id)
    assert visitor.get(url).json()["owner"]["display_name"] == "Anne"
    warm()
    with write_transaction(as_user=novel.owner_id):
        novel_update(novel_id=novel.pk, changes={"is_public": False})
    assert visitor.get(url).status == 404
    assert novel.pk not in [row["id"] for row in visitor.get(lists).json()["results"]]


def test_a_new_or_deleted_novel_changes_lists_at_once(
    visitor: Visitor, novel: Any, make_novels: Callable[..., list[Any]], ann: User
) -> None:
    def ids() -> list[Any]:
        return [row["id"] for row in visitor.get(LIST).json()["results"]]

    before = ids()
    (new,) = make_novels(1, owner=ann)
    assert ids() == [new.pk, *before]
    with write_transaction(as_user=ann.pk):
        novel_delete(novel_id=new.pk)
    assert ids() == before


def test_a_change_that_moves_no_row_invalidates_no_page(api: APIClient, novel: Any) -> None:
    """One card is read again, not which novels stand where."""
    api.get(LIST)

    with write_transaction(as_user=novel.owner_id):
        novel_update(novel_id=novel.pk, changes={"synopsis": "Another."})

    with counted_queries() as seen:
        rows = api.get(LIST).json()["results"]
    assert rows[0]["synopsis"] == "Another."
    assert ["ANY" in sql for sql in seen.sql] == [True]


def test_lists_of_ones_own_novels_follow_ones_writes(
    as_user: Callable[..., APIClient], ann: User, make_novels: Callable[..., list[Any]]
) -> None:
    client = as_user(ann)
    for is_public in (True, False):
        (novel,) = make_novels(1, owner=ann, is_public=is_public)
        rows = client.get(f"{LIST}?owner=me").json()["results"]
        assert rows[0]["id"] == novel.pk
        client.patch(f"{LIST}{novel.pk}/", {"title": "Mine"})
        assert client.get(f"{LIST}?owner=me").json()["results"][0]["title"] == "Mine"
        client.delete(f"{LIST}{novel.pk}/")
        assert novel.pk not in [
            row["id"] for row in client.get(f"{LIST}?owner=me").json()["results"]
        ]


def test_chapters_follow_their_novel(
    visitor: Visitor,
    novel: Any,
    make_chapters: Callable[..., list[Any]],
    by_psql: Callable[..., None],
) -> None:
    url = f"{LIST}{novel.pk}/chapters/"
    assert [visitor.get(url).was_cached for _ in range(2)] == [False, True]

    make_chapters(novel, "Four.")
    assert len(visitor.get(url).json()["results"]) == 4
    visitor.get(url)
    by_psql("UPDATE novels_chapter SET title = 'Renamed' WHERE novel_id = %s", novel.pk)
    assert visitor.get(url).json()["results"][0]["title"] == "Renamed"
    visitor.get(url)
    with write_transaction(as_user=novel.owner_id):
        novel_update(novel_id=novel.pk, changes={"is_public": False})
    assert visitor.get(url).status == visitor.get(f"{url}1/").status == 404


def test_chapters_of_a_novel_that_becomes_private_meanwhile_are_its_owners(
    api: APIClient,
    as_user: Callable[..., APIClient],
    ann: User,
    novel: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def access_then_withdraw(novel_id: int, user_id: int | None) -> VisibleValue:
        access = novel_access(novel_id, user_id)
        with write_transaction(as_user=ann.pk):
            novel_update(novel_id=novel.pk, changes={"is_public": False})
        return access

    for client, status in ((as_user(ann), 200), (api, 404)):
        with write_transaction(as_user=ann.pk):
            novel_update(novel_id=novel.pk, changes={"is_public": True})
        withdrawn = replace(CHAPTERS, parent=access_then_withdraw)
        monkeypatch.setattr(ChapterListView, "read", withdrawn)
        response = client.get(f"{LIST}{novel.pk}/chapters/")
        assert response.status_code == status
        if status == 200:
            assert len(response.json()["results"]) == 3
            assert "private" in response["Cache-Control"]


def search_results(client: APIClient | Visitor, **query: Any) -> list[Any]:
    response = client.get(f"{SEARCH}?q=whale" + "".join(f"&{k}={v}" for k, v in query.items()))
    return [
        (row["chapter"], row["novel_title"], row["snippet"]) for row in response.json()["results"]
    ]


WHALE = "<mark>whale</mark>"


def test_search_results_follow_every_kind_of_write(
    visitor: Visitor,
    novel: Any,
    make_chapters: Callable[..., list[Any]],
    by_psql: Callable[..., None],
) -> None:
    first, second = (1, novel.title, WHALE), (2, novel.title, "<mark>whales</mark>")
    for _ in range(2):
        assert sorted(search_results(visitor)) == [first, second]

    make_chapters(novel, "A whale.")
    assert {number for number, *_ in search_results(visitor)} == {1, 2, 4}
    by_psql("UPDATE novels_novel SET title = 'Renamed'")
    assert {title for _, title, _ in search_results(visitor)} == {"Renamed"}
    by_psql("UPDATE novels_chaptertext SET content = 'Whales!' WHERE content = 'A whale.'")
    assert (4, "Renamed", "<mark>Whales</mark>") in search_results(visitor)
    by_psql("DELETE FROM novels_chapter WHERE number = 2")
    assert {number for number, *_ in search_results(visitor)} == {1, 4}
    with write_transaction(as_user=novel.owner_id):
        novel_update(novel_id=novel.pk, changes={"is_public": False})
    assert search_results(visitor) == []


def test_private_search_results_follow_their_owners_writes(
    as_user: Callable[..., APIClient],
    ann: User,
    make_user: Callable[..., Any],
    novel: Any,
    make_chapters: Callable[..., list[Any]],
) -> None:
    client, other = as_user(ann), as_user(make_user())
    for is_public in (True, False):
        with write_transaction(as_user=ann.pk):
            changed = novel_update(novel_id=novel.pk, changes={"is_public": is_public})
        make_chapters(changed, "A whale.")
        for _ in range(2):
            assert len(search_results(client, scope="mine")) == (3 if is_public else 4)
            assert search_results(other, scope="mine") == []
            assert len(search_results(other)) == (3 if is_public else 0)


def test_pages_of_search_results_are_ranked_once(
    api: APIClient, novel: Any, make_chapters: Callable[..., list[Any]]
) -> None:
    make_chapters(novel, *["whale"] * 7)
    page, statements = api.get(f"{SEARCH}?q=whale&page_size=3").json(), []

    while page["next"]:
        with counted_queries() as seen:
            page = api.get(page["next"]).json()
        statements += seen.sql

    assert len(page["results"]) == 3
    assert statements and not [sql for sql in statements if "novels_search_matches" in sql]
