"""Comics from the cache: warm they cost no query, every change is seen at once, nothing leaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from comics.cache_policies import CARD, DASHBOARD, PAGE, PANEL_IMAGE, PANELS, THUMBNAIL
from comics.models import Comic, Panel
from comics.reads.comics import comic_access
from comics.reads.panels import PANEL_LIST
from comics.services.comics import comic_update
from comics.views.panels import PanelListView
from morpheus.cache.policies import CachePolicy
from morpheus.cache.store import cache_store
from morpheus.db.transactions import write_transaction
from novels.models import Novel
from novels.services.processing import status_advance
from tests.cached_shapes import assert_shape_is_kept
from tests.comics.picture_files import rendition_path
from tests.conftest import as_staff
from tests.visitor import Visitor, counted_queries
from users.models import User

SHAPES = Path(__file__).parent / "cached_shapes"
LIST = "/api/v1/comics/"
DASHBOARD_URL = "/api/v1/users/me/dashboard/"
# What a browser asks for an `<img>` with.
IMG = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def novel(make_novels: Callable[..., list[Any]], ann: User) -> Any:
    return make_novels(owner=ann, title="Alice")[0]


@pytest.fixture
def comic(
    make_comics: Callable[..., list[Any]], add_panel: Callable[..., Any], ann: User, novel: Any
) -> Any:
    make_comics(3)
    (comic,) = make_comics(owner=ann, novel=novel)
    add_panel(comic, caption="Down")
    add_panel(comic)
    return comic


def url(comic: Any) -> str:
    return f"{LIST}{comic.pk}/"


def public_urls(comic: Any) -> dict[str, int]:
    """Return URLs, and the queries that each costs without the cache."""
    return {
        LIST: 1,
        f"{LIST}?ordering=-title&page_size=2": 1,
        f"{LIST}?novel={comic.novel_id}": 1,
        f"{LIST}?owner={comic.owner_id}&ordering=-title": 1,
        url(comic): 3,
        f"{url(comic)}panels/": 1,
        f"{url(comic)}panels/?page_size=1": 1,
        f"{url(comic)}thumbnail/": 1,
        f"{url(comic)}thumbnail/?size=small": 1,
    }


def test_public_responses_come_from_the_response_cache(
    visitor: Visitor, comic: Any, settings: Settings
) -> None:
    for where, queries in public_urls(comic).items():
        settings.MORPHEUS_CACHE = True
        first, second = visitor.get(where), visitor.get(where)
        settings.MORPHEUS_CACHE = False
        plain = visitor.get(where)

        assert first.status == 200 and not first.was_cached, where
        assert second.was_cached and second.queries == [], where
        assert first.body == second.body == plain.body, where
        assert first.headers["ETag"] == second.headers["ETag"] == plain.headers["ETag"]
        assert len(plain.queries) == queries, (where, plain.queries)


def test_a_thumbnail_is_cached_for_all_browsers_and_is_304_when_unchanged(
    visitor: Visitor, comic: Any
) -> None:
    where = visitor.get(url(comic)).json()["thumbnail_url"]
    first, second = (visitor.get(where, HTTP_ACCEPT=IMG) for _ in range(2))
    third = visitor.get(where, HTTP_ACCEPT=IMG, HTTP_IF_NONE_MATCH=second.headers["ETag"])

    assert second.was_cached and second.body == first.body and second.body.startswith(b"RIFF")
    assert second.headers["Content-Type"] == "image/webp"
    assert second.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert not second.headers["ETag"].startswith("W/")
    assert (third.status, third.body, third.was_cached) == (304, b"", True)
    assert visitor.get(where, HTTP_ACCEPT="image/png").was_cached
    assert visitor.get(where, HTTP_ACCEPT="*/*").was_cached


def test_a_thumbnail_under_a_wrong_version_is_the_same_but_not_cached(
    visitor: Visitor, comic: Any
) -> None:
    where = f"{url(comic)}thumbnail/"
    plain = visitor.get(where)

    for version in ("0123456789abcdef", "", "x"):
        for _ in range(2):
            response = visitor.get(f"{where}?v={version}")
            assert (response.status, response.body, response.queries) == (200, plain.body, [])
            assert response.headers["Cache-Control"] == "public, no-cache"
            assert not response.was_cached
    assert visitor.get(where).was_cached


def test_a_panels_picture_costs_no_query_warm(api: APIClient, comic: Any) -> None:
    where = f"{url(comic)}panels/1/image/"
    with counted_queries() as cold:
        first = api.get(where).getvalue()
    with counted_queries() as warm:
        second = api.get(where).getvalue()

    assert (len(cold.sql), len(warm.sql)) == (1, 0)
    assert first == second


def test_readers_cost_no_query_when_token_user_and_data_are_warm(
    as_user: Callable[..., APIClient], ann: User, comic: Any, make_user: Callable[..., Any]
) -> None:
    own = [DASHBOARD_URL, f"{LIST}?owner=me", *public_urls(comic)]
    for client, urls in ((as_user(ann), own), (as_user(make_user()), public_urls(comic))):
        for where in urls:
            first = client.get(where)
            with counted_queries() as warm:
                second = client.get(where)
            assert (second.status_code, warm.sql) == (200, []), where
            assert first.content == second.content


def test_private_comics_cost_their_owner_no_query_warm(
    as_user: Callable[..., APIClient], ann: User, comic: Any
) -> None:
    with write_transaction(as_user=ann.pk):
        comic_update(comic_id=comic.pk, is_public=False)
    client = as_user(ann)
    for where in [url(comic), f"{url(comic)}panels/", f"{url(comic)}thumbnail/"]:
        client.get(where)
        with counted_queries() as warm:
            response = client.get(where)
        assert (response.status_code, warm.sql) == (200, []), where
        assert response["Cache-Control"].startswith("private")


def test_a_dashboard_costs_its_budget_cold(
    as_user: Callable[..., APIClient], ann: User, comic: Any
) -> None:
    client = as_user(ann)
    client.get("/api/v1/users/me/")

    with counted_queries() as cold:
        client.get(DASHBOARD_URL)

    assert len(cold.sql) == 7, cold.sql


def test_a_step_of_a_parse_invalidates_only_values_that_show_it(
    as_user: Callable[..., APIClient], ann: User, comic: Any, novel: Any
) -> None:
    client = as_user(ann)
    others = [f"{LIST}?owner=me", "/api/v1/novels/?owner=me"]
    for where in [DASHBOARD_URL, *others]:
        client.get(where)

    status_advance(novel_id=novel.pk, owner_id=ann.pk, stage="reading", progress=42)

    with counted_queries() as seen:
        dashboard = client.get(DASHBOARD_URL).json()
    # The newest novels with their states, and how many are in which.
    assert len(seen.sql) == 2, seen.sql
    assert dashboard["novels"][0]["status"]["progress"] == 42
    with counted_queries() as seen:
        for where in others:
            client.get(where)
    assert seen.sql == []


def test_a_new_title_invalidates_neither_panels_nor_thumbnail(
    visitor: Visitor, ann: User, comic: Any
) -> None:
    thumbnail, panels = f"{url(comic)}thumbnail/", f"{url(comic)}panels/"
    for where in (thumbnail, panels):
        visitor.get(where)

    with write_transaction(as_user=ann.pk):
        comic_update(comic_id=comic.pk, title="New")

    assert visitor.get(thumbnail).was_cached
    # Whether there is such a comic is read anew; its panels are not.
    (query,) = visitor.get(panels).queries
    assert "comics_panel" not in query


def rename(ann: User, comic: Any, by_psql: Callable[..., None]) -> None:
    with write_transaction(as_user=ann.pk):
        comic_update(comic_id=comic.pk, title="New")


def rename_by_update(ann: User, comic: Any, by_psql: Callable[..., None]) -> None:
    with as_staff():
        Comic.objects.filter(pk=comic.pk).update(title="New")


def rename_by_operator(ann: User, comic: Any, by_psql: Callable[..., None]) -> None:
    by_psql("UPDATE comics_comic SET title = 'New' WHERE id = %s", comic.pk)


@pytest.mark.parametrize("change", [rename, rename_by_update, rename_by_operator])
def test_a_new_title_is_shown_everywhere_at_once(
    visitor: Visitor,
    as_user: Callable[..., APIClient],
    ann: User,
    comic: Any,
    by_psql: Callable[..., None],
    change: Callable[..., Any],
) -> None:
    client = as_user(ann)
    lists = [LIST, f"{LIST}?ordering=title", f"{LIST}?novel={comic.novel_id}"]
    for where in (url(comic), *lists):
        visitor.get(where)
    client.get(DASHBOARD_URL)

    change(ann, comic, by_psql)

    assert visitor.get(url(comic)).json()["title"] == "New"
    for where in lists:
        rows = visitor.get(where).json()["results"]
        assert "New" in [each["title"] for each in rows], where
        if "ordering" in where:
            assert [each["title"] for each in rows] == sorted(each["title"] for each in rows)
    assert client.get(DASHBOARD_URL).json()["comics"][0]["title"] == "New"


def withdraw(ann: User, comic: Any, by_psql: Callable[..., None]) -> None:
    with write_transaction(as_user=ann.pk):
        comic_update(comic_id=comic.pk, is_public=False)


def withdraw_by_operator(ann: User, comic: Any, by_psql: Callable[..., None]) -> None:
    by_psql("UPDATE comics_comic SET is_public = false WHERE id = %s", comic.pk)


def delete_by_operator(ann: User, comic: Any, by_psql: Callable[..., None]) -> None:
    by_psql("DELETE FROM comics_comic WHERE id = %s", comic.pk)


@pytest.mark.parametrize("end", [withdraw, withdraw_by_operator, delete_by_operator])
def test_a_withdrawn_comic_is_gone_at_once(
    visitor: Visitor,
    as_user: Callable[..., APIClient],
    make_user: Callable[..., Any],
    ann: User,
    comic: Any,
    by_psql: Callable[..., None],
    end: Callable[..., Any],
) -> None:
    other = as_user(make_user())
    places = [*public_urls(comic), f"{url(comic)}panels/1/image/"]
    for where in places:
        assert visitor.get(where).status == 200
        other.get(where).close()

    end(ann, comic, by_psql)

    for where in places:
        responses = visitor.get(where), other.get(where)
        if where.startswith(url(comic)):
            assert (responses[0].status, responses[1].status_code) == (404, 404), where
        else:
            for response in responses:
                assert comic.pk not in [each["id"] for each in response.json()["results"]], where


def test_a_published_comic_is_shown_at_once(
    visitor: Visitor,
    ann: User,
    make_comics: Callable[..., list[Any]],
    add_panel: Callable[..., Any],
) -> None:
    (comic,) = make_comics(owner=ann, is_public=False)
    add_panel(comic)
    places = [url(comic), f"{url(comic)}panels/", f"{url(comic)}thumbnail/"]
    assert {visitor.get(where).status for where in places} == {404}
    assert visitor.get(LIST).json()["results"] == []

    with write_transaction(as_user=ann.pk):
        comic_update(comic_id=comic.pk, is_public=True)

    assert {visitor.get(where).status for where in places} == {200}
    assert [each["id"] for each in visitor.get(LIST).json()["results"]] == [comic.pk]


@pytest.mark.parametrize("is_by_psql", [False, True])
def test_a_private_novels_title_is_shown_to_its_owner_alone(
    visitor: Visitor,
    as_user: Callable[..., APIClient],
    make_user: Callable[..., Any],
    ann: User,
    novel: Any,
    make_comics: Callable[..., list[Any]],
    by_psql: Callable[..., None],
    is_by_psql: bool,
) -> None:
    ben = make_user("ben")
    (comic,) = make_comics(owner=ben, novel=novel)
    clients = {"ann": as_user(ann), "ben": as_user(ben)}

    def titles() -> list[Any]:
        named = [visitor.get(LIST).json()["results"][0], visitor.get(url(comic)).json()]
        named += [client.get(url(comic)).json() for client in clients.values()]
        named += [clients["ben"].get(f"{LIST}?owner=me").json()["results"][0]]
        named += clients["ben"].get(DASHBOARD_URL).json()["comics"]
        return [each["novel"] and each["novel"]["title"] for each in named]

    def publish(is_public: bool) -> None:
        if is_by_psql:
            by_psql("UPDATE novels_novel SET is_public = %s WHERE id = %s", is_public, novel.pk)
        else:
            with as_staff():
                Novel.objects.filter(pk=novel.pk).update(is_public=is_public)

    assert titles() == ["Alice"] * 6
    publish(False)
    assert titles() == [None, None, "Alice", None, None, None]
    assert clients["ann"].get(url(comic))["Cache-Control"].startswith("private")
    assert "public" in clients["ben"].get(url(comic))["Cache-Control"]
    assert visitor.get(f"{LIST}?novel={novel.pk}").json()["results"] == []
    publish(True)
    assert titles() == ["Alice"] * 6
    assert len(visitor.get(f"{LIST}?novel={novel.pk}").json()["results"]) == 1


def test_names_of_owners_and_novels_change_at_once(
    visitor: Visitor, comic: Any, ann: User, novel: Any, by_psql: Callable[..., None]
) -> None:
    for where in (LIST, url(comic)):
        visitor.get(where)

    with write_transaction(as_user=ann.pk):
        User.objects.filter(pk=ann.pk).update(display_name="Anna")
    by_psql("UPDATE novels_novel SET title = 'Through' WHERE id = %s", novel.pk)

    for card in (visitor.get(LIST).json()["results"][0], visitor.get(url(comic)).json()):
        assert card["owner"]["display_name"] == "Anna"
        assert card["novel"]["title"] == "Through"


def test_panels_change_at_once(
    visitor: Visitor, comic: Any, add_panel: Callable[..., Any], by_psql: Callable[..., None]
) -> None:
    where = f"{url(comic)}panels/"
    visitor.get(where)
    before = visitor.get(f"{url(comic)}thumbnail/").body

    add_panel(comic)
    assert len(visitor.get(where).json()["results"]) == 3
    by_psql("UPDATE comics_panel SET caption = 'Up' WHERE comic_id = %s", comic.pk)
    assert {panel["caption"] for panel in visitor.get(where).json()["results"]} == {"Up"}

    with write_transaction(as_user=comic.owner_id):
        Panel.objects.filter(comic=comic, number=1).delete()
    assert visitor.get(f"{url(comic)}panels/1/image/").status == 404
    with write_transaction(as_user=comic.owner_id):
        cover = Panel.objects.get(comic=comic, number=2).image
        Comic.objects.filter(pk=comic.pk).update(cover=cover)
    assert visitor.get(f"{url(comic)}thumbnail/").body != before


def test_a_lost_thumbnail_file_is_made_again_when_its_lookup_is_cached(
    as_user: Callable[..., APIClient], ann: User, comic: Any
) -> None:
    client = as_user(ann)
    before = client.get(f"{url(comic)}thumbnail/").content
    comic.refresh_from_db()
    rendition_path(comic.cover.digest, "medium").unlink()

    assert client.get(f"{url(comic)}thumbnail/").content == before


def test_keys_of_a_private_comic_contain_the_reader(
    visitor: Visitor,
    as_user: Callable[..., APIClient],
    make_user: Callable[..., Any],
    ann: User,
    make_comics: Callable[..., list[Any]],
    add_panel: Callable[..., Any],
    make_novels: Callable[..., list[Any]],
) -> None:
    (novel,) = make_novels(owner=ann, title="Secret", is_public=False)
    (comic,) = make_comics(owner=ann, title="Secret", novel=novel, is_public=False)
    add_panel(comic, caption="Secret")
    other = as_user(make_user())
    for client in (as_user(ann), other):
        for where in [*public_urls(comic), f"{LIST}?owner=me", DASHBOARD_URL]:
            client.get(where)
            visitor.get(where)

    [keys] = cache_store().client.run(lambda prefix: [("KEYS", f"{prefix}*:v*")])
    values = cache_store().client.run(lambda prefix: [("GET", key) for key in keys])
    secret = [key.decode() for key, value in zip(keys, values, strict=True) if b"Secret" in value]

    assert {key.split(":")[2] for key in secret} == {
        *("comics.card", "comics.panels", "comics.dashboard", "novels.card")
    }
    assert all(key.endswith(f"@{ann.pk}") for key in secret), secret


def test_a_guessed_number_is_not_found(visitor: Visitor) -> None:
    for number in (0, 2**63, 10**30):
        for where in ("", "panels/", "panels/1/image/", "thumbnail/"):
            assert visitor.get(f"{LIST}{number}/{where}").status == 404


def list_keys(policy: CachePolicy, prefix: str) -> list[tuple[str, str]]:
    return [("KEYS", f"{prefix}{policy.name}:*")]


def test_cached_values_have_the_shape_of_their_versions(
    api: APIClient, as_user: Callable[..., APIClient], ann: User, comic: Any
) -> None:
    client = as_user(ann)
    for where in [*public_urls(comic), DASHBOARD_URL]:
        client.get(where)
    client.get(f"{url(comic)}panels/1/image/").close()

    assert_shape_is_kept(SHAPES, CARD, comic.pk)
    assert_shape_is_kept(SHAPES, PANEL_IMAGE, f"{comic.pk}:1")
    assert_shape_is_kept(SHAPES, THUMBNAIL, f"{comic.pk}:medium")
    for part in ("novels", "comics", "counts", "states"):
        assert_shape_is_kept(SHAPES, DASHBOARD, part, ann.pk, part)
    for policy in (PAGE, PANELS):
        [keys] = cache_store().client.run(partial(list_keys, policy))
        identity = keys[0].decode().rpartition(":")[2]
        assert_shape_is_kept(SHAPES, policy, identity)


def test_panels_of_a_comic_that_becomes_private_meanwhile_are_its_owners(
    api: APIClient,
    as_user: Callable[..., APIClient],
    ann: User,
    comic: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    where = f"{url(comic)}panels/"
    own = as_user(ann)

    def access_then_withdraw(*arguments: Any) -> Any:
        access = comic_access(*arguments)
        with write_transaction(as_user=ann.pk):
            comic_update(comic_id=comic.pk, is_public=False)
        return access

    for client, status in ((own, 200), (api, 404)):
        with write_transaction(as_user=ann.pk):
            comic_update(comic_id=comic.pk, is_public=True)
        withdrawn = replace(PANEL_LIST, parent=access_then_withdraw)
        monkeypatch.setattr(PanelListView, "read", withdrawn)
        response = client.get(where)
        assert response.status_code == status
        if status == 200:
            assert len(response.json()["results"]) == 2
            assert "private" in response["Cache-Control"]
