"""GET, POST /comics/ and GET, PATCH, DELETE /comics/{id}/."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.request import Request
from rest_framework.test import APIClient, APIRequestFactory

from comics.models import Comic
from comics.reads.comics import comic_read_uncached
from morpheus.db.transactions import write_transaction
from novels.models import Novel

URL = "/api/v1/comics/"

pytestmark = pytest.mark.django_db


def url(comic: Any) -> str:
    return f"{URL}{comic.pk}/"


def titles(response: Any) -> list[str]:
    return [comic["title"] for comic in response.json()["results"]]


def test_the_gallery_shows_public_comics_newest_first(
    api: APIClient,
    make_user: Callable[..., Any],
    make_novels: Callable[..., list[Any]],
    make_comics: Callable[..., list[Any]],
) -> None:
    ann = make_user("ann")
    (novel,) = make_novels(owner=ann, title="Alice")
    first, second = make_comics(2, owner=ann, novel=novel)
    make_comics(owner=ann, is_public=False)

    response = api.get(URL)

    assert titles(response) == [second.title, first.title]
    card = response.json()["results"][1]
    assert card == {
        "id": first.pk,
        "title": first.title,
        "novel": {"id": novel.pk, "title": "Alice"},
        "owner": {"id": ann.pk, "display_name": "Ann"},
        "visibility": "public",
        "panel_count": 0,
        "thumbnail_url": None,
        "created_at": first.created_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "updated_at": first.updated_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }
    assert "public" in response["Cache-Control"]
    assert api.get(URL, headers={"If-None-Match": response["ETag"]}).status_code == 304


@pytest.mark.parametrize(
    ("ordering", "expected"),
    [("created_at", "bac"), ("-created_at", "cab"), ("title", "abc"), ("-title", "cba")],
)
def test_every_ordering_pages_through_everything(
    api: APIClient,
    make_user: Callable[..., Any],
    make_comics: Callable[..., list[Any]],
    ordering: str,
    expected: str,
) -> None:
    ann = make_user()
    for title in "bac":
        make_comics(owner=ann, title=title)

    titles_seen, link = "", f"{URL}?ordering={ordering}&page_size=2"
    while link:
        response = api.get(link)
        titles_seen += "".join(titles(response))
        link = response.json()["next"]

    assert titles_seen == expected


def test_the_gallery_filters_by_novel_or_by_owner(
    api: APIClient,
    make_user: Callable[..., Any],
    make_novels: Callable[..., list[Any]],
    make_comics: Callable[..., list[Any]],
) -> None:
    ann, ben = make_user(), make_user()
    novel, other = make_novels(2, owner=ann)
    (of_novel,) = make_comics(owner=ben, novel=novel)
    (of_ann,) = make_comics(owner=ann, novel=other)
    make_comics(owner=ann, is_public=False, novel=novel)

    assert titles(api.get(f"{URL}?novel={novel.pk}")) == [of_novel.title]
    assert titles(api.get(f"{URL}?owner={ann.pk}&ordering=title")) == [of_ann.title]
    assert api.get(f"{URL}?owner={ann.pk}&novel={novel.pk}").status_code == 400


@pytest.mark.parametrize("query", ["novel=x", "owner=-1", "novel=%00", "ordering=id", "cursor=x"])
def test_bad_parameters_are_refused(api: APIClient, query: str) -> None:
    assert api.get(f"{URL}?{query}").status_code == 400


def test_owner_me_lists_exactly_the_callers_own(
    api: APIClient,
    as_user: Callable[..., APIClient],
    make_user: Callable[..., Any],
    make_comics: Callable[..., list[Any]],
) -> None:
    ann, ben = make_user(), make_user()
    (public,) = make_comics(owner=ann)
    (private,) = make_comics(owner=ann, is_public=False)
    make_comics(owner=ben)

    response = as_user(ann).get(f"{URL}?owner=me")

    assert titles(response) == [private.title, public.title]
    assert "private" in response["Cache-Control"]
    assert api.get(f"{URL}?owner=me").status_code == 401
    assert titles(as_user(ann).get(f"{URL}?owner={ann.pk}")) == [public.title]


def test_a_cursor_of_ones_own_list_is_invalid_for_another_user(
    as_user: Callable[..., APIClient],
    make_user: Callable[..., Any],
    make_comics: Callable[..., list[Any]],
) -> None:
    ann, ben = make_user(), make_user()
    make_comics(3, owner=ann)
    make_comics(3, owner=ben)

    link = as_user(ann).get(f"{URL}?owner=me&page_size=1").json()["next"]

    assert as_user(ann).get(link).status_code == 200
    assert as_user(ben).get(link).status_code == 400


def test_only_its_owner_sees_the_name_of_a_private_novel(
    api: APIClient,
    as_user: Callable[..., APIClient],
    make_user: Callable[..., Any],
    make_novels: Callable[..., list[Any]],
    make_comics: Callable[..., list[Any]],
) -> None:
    ann, ben = make_user(), make_user()
    (novel,) = make_novels(owner=ann, is_public=False)
    (comic,) = make_comics(owner=ann, novel=novel)
    named = {"id": novel.pk, "title": novel.title}

    for client in (api, as_user(ben)):
        assert client.get(url(comic)).json()["novel"] is None
        assert client.get(URL).json()["results"][0]["novel"] is None
        assert titles(client.get(f"{URL}?novel={novel.pk}")) == []
    mine = as_user(ann).get(url(comic))
    assert mine.json()["novel"] == named
    assert "private" in mine["Cache-Control"]
    assert as_user(ann).get(f"{URL}?owner=me").json()["results"][0]["novel"] == named
    # The gallery is the same for everyone, so there even its owner does not see it.
    assert as_user(ann).get(URL).json()["results"] == api.get(URL).json()["results"]
    assert titles(as_user(ann).get(f"{URL}?novel={novel.pk}")) == []


def test_a_response_to_a_change_hides_a_private_novel_without_row_level_security(
    make_user: Callable[..., Any],
    make_novels: Callable[..., list[Any]],
    make_comics: Callable[..., list[Any]],
) -> None:
    request = Request(APIRequestFactory().get("/"))
    ann, ben = make_user(), make_user()
    (novel,) = make_novels(owner=ann)
    (comic,) = make_comics(owner=ben, novel=novel)
    with write_transaction(as_user=ann.pk):
        Novel.objects.filter(pk=novel.pk).update(is_public=False)

    with write_transaction(as_staff=True):
        assert Comic.objects.get(pk=comic.pk).novel == novel
        assert comic_read_uncached(comic.pk, ben.pk, request)["novel"] is None
        assert comic_read_uncached(comic.pk, None, request)["novel"] is None
        assert comic_read_uncached(comic.pk, ann.pk, request)["novel"]["id"] == novel.pk


def test_a_comic_outlives_its_novel(
    api: APIClient,
    make_user: Callable[..., Any],
    make_novels: Callable[..., list[Any]],
    make_comics: Callable[..., list[Any]],
) -> None:
    ann = make_user()
    (novel,) = make_novels(owner=ann)
    (comic,) = make_comics(owner=ann, novel=novel)

    with write_transaction(as_user=ann.pk):
        Novel.objects.filter(pk=novel.pk).delete()

    assert api.get(url(comic)).json()["novel"] is None


@pytest.mark.parametrize("has_novel", [False, True])
def test_a_new_comic_is_returned_as_it_is_read(
    as_user: Callable[..., APIClient],
    make_user: Callable[..., Any],
    make_novels: Callable[..., list[Any]],
    has_novel: bool,
) -> None:
    ann = make_user("ann")
    (novel,) = make_novels(owner=ann, is_public=False)
    fields = {"title": "Alice", "novel": novel.pk if has_novel else None, "visibility": "public"}

    response = as_user(ann).post(URL, fields)

    assert response.status_code == 201, response.content
    assert response.json() == as_user(ann).get(response["Location"]).json()


def test_creating_a_comic_returns_it_and_it_is_private(
    api: APIClient,
    as_user: Callable[..., APIClient],
    make_user: Callable[..., Any],
    make_novels: Callable[..., list[Any]],
) -> None:
    ann = make_user("ann")
    (novel,) = make_novels(owner=ann, is_public=False)

    response = as_user(ann).post(URL, {"title": " Alice ", "novel": novel.pk})

    assert response.status_code == 201
    comic = response.json()
    assert (comic["title"], comic["visibility"], comic["panel_count"]) == ("Alice", "private", 0)
    assert comic["novel"] == {"id": novel.pk, "title": novel.title}
    assert as_user(ann).get(response["Location"]).json() == comic
    assert api.get(response["Location"]).status_code == 404


def test_a_comic_can_adapt_another_users_novel_only_if_it_is_public(
    as_user: Callable[..., APIClient],
    make_user: Callable[..., Any],
    make_novels: Callable[..., list[Any]],
) -> None:
    ann, ben = make_user(), make_user()
    (public,) = make_novels(owner=ann)
    (private,) = make_novels(owner=ann, is_public=False)
    client = as_user(ben)

    made = client.post(URL, {"title": "x", "novel": public.pk, "visibility": "public"})

    assert made.status_code == 201
    assert made.json()["visibility"] == "public"
    for unseen in (private.pk, 10**15, 10**30, "x"):
        response = client.post(URL, {"title": "x", "novel": unseen})
        assert response.status_code == 400
        assert "novel" in response.json()["errors"]
    response = client.patch(f"{URL}{made.json()['id']}/", {"novel": private.pk})
    assert "novel" in response.json()["errors"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "title"),
        ({"title": " "}, "title"),
        ({"title": "x" * 301}, "title"),
        ({"title": "a\x00b"}, "title"),
        ({"title": "x", "visibility": "secret"}, "visibility"),
    ],
)
def test_bad_input_names_the_field(
    as_user: Callable[..., APIClient],
    make_user: Callable[..., Any],
    body: dict[str, Any],
    field: str,
) -> None:
    response = as_user(make_user()).post(URL, body)

    assert response.status_code == 400
    assert field in response.json()["errors"]


def test_changing_a_comic_changes_only_the_sent_fields(
    as_user: Callable[..., APIClient],
    make_user: Callable[..., Any],
    make_novels: Callable[..., list[Any]],
    make_comics: Callable[..., list[Any]],
) -> None:
    ann = make_user()
    (novel,) = make_novels(owner=ann)
    (comic,) = make_comics(owner=ann, novel=novel)
    client = as_user(ann)

    response = client.patch(url(comic), {"visibility": "private"})

    assert response.status_code == 200
    assert response.json()["visibility"] == "private"
    assert response.json()["title"] == comic.title
    assert response.json()["novel"]["id"] == novel.pk
    assert response.json()["updated_at"] > response.json()["created_at"]
    assert client.patch(url(comic), {"novel": None}).json()["novel"] is None
    assert client.put(url(comic), {"title": "x"}).status_code == 405


def test_a_write_needs_authentication_and_ownership(
    api: APIClient,
    as_user: Callable[..., APIClient],
    make_user: Callable[..., Any],
    make_comics: Callable[..., list[Any]],
) -> None:
    ann, ben = make_user(), make_user()
    (public,) = make_comics(owner=ann)
    (private,) = make_comics(owner=ann, is_public=False)

    assert api.post(URL, {"title": "x"}).status_code == 401
    for method in ("patch", "delete"):
        assert getattr(api, method)(url(public), {"title": "x"}).status_code == 401
        assert getattr(as_user(ben), method)(url(public), {"title": "x"}).status_code == 403
        assert getattr(as_user(ben), method)(url(private), {"title": "x"}).status_code == 404
    assert as_user(ann).get(url(public)).json()["title"] == public.title
    assert api.get(f"{URL}{10**30}/").status_code == 404


def test_a_deleted_comic_is_gone(
    api: APIClient,
    as_user: Callable[..., APIClient],
    make_user: Callable[..., Any],
    make_comics: Callable[..., list[Any]],
    add_panel: Callable[..., Any],
) -> None:
    ann = make_user()
    (comic,) = make_comics(owner=ann)
    add_panel(comic)

    assert as_user(ann).delete(url(comic)).status_code == 204

    assert api.get(url(comic)).status_code == 404
    assert api.get(URL).json()["results"] == []


def test_visibility_of_many_of_ones_own_comics_changes_at_once(
    make_user: Callable[..., Any], make_comics: Callable[..., list[Any]]
) -> None:
    from comics.services.comics import comic_set_visibility

    ann, ben = make_user(), make_user()
    mine = make_comics(2, owner=ann)
    others = make_comics(1, owner=ben)
    ids = [comic.pk for comic in (*mine, *others)]

    with write_transaction(as_user=ann.pk):
        assert comic_set_visibility(comic_ids=ids, is_public=False) == 2
    assert list(Comic.objects.all()) == others
    with write_transaction(as_staff=True):
        assert comic_set_visibility(comic_ids=ids, is_public=True) == 3


@pytest.mark.parametrize("query", ["", "?owner=me", "?ordering=title"])
def test_a_page_of_comics_costs_the_same_however_many_there_are(
    as_user: Callable[..., APIClient],
    make_user: Callable[..., Any],
    make_novels: Callable[..., list[Any]],
    make_comics: Callable[..., list[Any]],
    add_panel: Callable[..., Any],
    assert_flat_queries: Callable[..., None],
    query: str,
) -> None:
    ann = make_user()

    def grow() -> None:
        for novel in make_novels(4, owner=ann):
            (comic,) = make_comics(owner=ann, novel=novel)
            add_panel(comic)

    grow()
    client = as_user(ann)
    # Token, user; page, cards, owners and novels, each kept on its own (test_warm.py: none).
    assert_flat_queries(lambda: client.get(URL + query), grow, budget=6)


@pytest.mark.parametrize("title", ["\u200b\u200b", "\u202eComic", "\u3164"], ids=ascii)
def test_a_title_with_hidden_characters_is_refused(
    make_user: Callable[..., Any],
    make_comics: Callable[..., list[Any]],
    as_user: Callable[..., APIClient],
    title: str,
) -> None:
    ann = make_user("ann")
    [comic] = make_comics(owner=ann)
    client = as_user(ann)

    made = client.post("/api/v1/comics/", {"title": title})
    changed = client.patch(f"/api/v1/comics/{comic.pk}/", {"title": title})

    for response in (made, changed):
        assert response.status_code == 400
        assert "visible character" in response.json()["errors"]["title"][0]


def test_a_comic_changes_and_keeps_its_novel_after_that_was_withdrawn(
    as_user: Callable[..., APIClient],
    make_user: Callable[..., Any],
    make_novels: Callable[..., list[Any]],
    make_comics: Callable[..., list[Any]],
) -> None:
    ann, ben = make_user(), make_user()
    (novel,) = make_novels(owner=ann)
    (comic,) = make_comics(owner=ben, novel=novel)
    with write_transaction(as_user=ann.pk):
        Novel.objects.filter(pk=novel.pk).update(is_public=False)

    response = as_user(ben).patch(url(comic), {"title": "Renamed"})

    assert (response.status_code, response.json()["title"]) == (200, "Renamed")
    with write_transaction(as_staff=True):
        assert Comic.objects.get(pk=comic.pk).novel_id == novel.pk
