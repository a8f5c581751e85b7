"""PUT /users/me/progress/ and GET /users/me/continue/."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from comics.models import Comic
from comics.reading.cache_policies import PAGE, PLACE
from comics.reading.models import Progress
from novels.models import Novel
from tests.cached_shapes import assert_shape_is_kept
from tests.comics.reading.test_progress import place, shown, url
from tests.comics.test_services import at_once
from tests.conftest import as_staff
from tests.novels.test_cache_policies import cached_values
from tests.visitor import counted_queries
from users.account_parts import account_parts

pytestmark = pytest.mark.django_db(transaction=True)

SHAPES = Path(__file__).parent / "cached_shapes"
BULK, CONTINUE = "/api/v1/users/me/progress/", "/api/v1/users/me/continue/"


def entry(work: Any, number: int = 1, minutes: int = 0, **fields: Any) -> dict[str, Any]:
    return {work._meta.model_name: work.pk, **place(work, number, minutes, **fields)}


def make_success(work: Any, *args: Any, **fields: Any) -> dict[str, Any]:
    """Return the result of an entry that was stored."""
    row = shown(work, *args, **fields)
    return {"novel": row["novel"], "comic": row["comic"], "status": 200, "progress": row}


def make_refusal(kind: str, pk: int, status: int, code: str, detail: str) -> dict[str, Any]:
    names = {"novel": None, "comic": None} | {kind: pk}
    return names | {"status": status, "code": code, "detail": detail}


@pytest.fixture
def many(
    make_novels: Callable[..., list[Any]],
    make_comics: Callable[..., list[Any]],
    make_chapters: Callable[..., list[Any]],
    add_panel: Callable[..., Any],
    owner: Any,
) -> Callable[[int], list[Any]]:
    """Make as many works with a chapter or panel, novels and comics in turns."""

    def make(count: int) -> list[Any]:
        novels = make_novels(count - count // 2, owner=owner)
        for novel in novels:
            make_chapters(novel, "One.")
        comics = make_comics(count // 2, owner=owner, novel=novels[0])
        for comic in comics:
            add_panel(comic)
        works: list[Any] = [*novels, *comics]
        works[::2], works[1::2] = novels, comics
        return works

    return make


def test_each_entry_has_its_result_in_order(
    client: APIClient, make_novels: Any, novel: Any, comic: Any, bob: Any
) -> None:
    [hidden] = make_novels(owner=bob, is_public=False)
    client.put(url(comic), place(comic, 2, 5))
    future = {"read_at": timezone.now().replace(year=2100).isoformat()}
    entries = [
        entry(comic, 3, 4),
        entry(hidden),
        entry(novel, 3, 1, position=0.5),
        {**entry(novel), "novel": 10**12},
    ]

    response = client.put(BULK, {"entries": entries})

    assert response.status_code == 200, response.json()
    assert response.json()["results"] == [
        make_success(comic, 2, 5),
        make_refusal("novel", hidden.pk, 404, "not_found", "Not found."),
        make_success(novel, 3, 1, position=0.5),
        make_refusal("novel", 10**12, 404, "not_found", "Not found."),
    ]
    response = client.put(BULK, {"entries": [entry(comic, 9), entry(novel) | future]})
    assert [(each["status"], each["code"]) for each in response.json()["results"]] == [
        (400, "does_not_exist"),
        (400, "in_the_future"),
    ]
    assert client.get(url(novel)).json() == shown(novel, 3, 1, position=0.5)


def test_the_document_has_two_kinds_of_entries(client: APIClient) -> None:
    schemas = client.get("/api/v1/schema/", HTTP_ACCEPT="application/json").json()["components"][
        "schemas"
    ]
    entries = schemas["ProgressInputRequest"]["properties"]["entries"]
    kinds = [
        schemas[each["$ref"].rpartition("/")[2]]
        for each in schemas[entries["items"]["$ref"].rpartition("/")[2]]["oneOf"]
    ]

    assert (entries["minItems"], entries["maxItems"]) == (1, 100)
    assert [kind["required"] for kind in kinds] == [
        ["chapter", "novel", "read_at"],
        ["comic", "panel", "read_at"],
    ]


def test_malformed_entries_refuse_all(
    api: APIClient, client: APIClient, novel: Any, comic: Any
) -> None:
    good = entry(novel)
    bad: list[tuple[Any, str]] = [
        ([good, entry(comic) | {"panel": 0}], "/entries/1/panel"),
        ([good, entry(comic) | {"chapter": 1}], "/entries/1"),
        ([good, entry(comic) | {"position": 0.5}], "/entries/1"),
        ([good | {"comic": comic.pk}], "/entries/0"),
        ([{**good, "novel": 2**63}], "/entries/0/novel"),
        ([{**good, "novel": -1}], "/entries/0/novel"),
        ([{"chapter": 1, "read_at": good["read_at"]}], "/entries/0"),
        ([good, 5], "/entries/1"),
        ([good, entry(novel, 2)], "/entries"),
        ([good] * 101, "/entries"),
        ([], "/entries"),
        ({}, "/entries"),
        (None, "/entries"),
        ("x", "/entries"),
    ]
    for entries, pointer in bad:
        response = client.put(BULK, {"entries": entries})
        assert response.status_code == 400, entries
        [violation] = response.json()["violations"]
        assert violation["pointer"] == pointer, (entries, violation)
    bodies: list[Any] = [{}, [], [good], None, 5]
    for body in bodies:
        assert client.put(BULK, body).status_code == 400
    assert api.put(BULK, {"entries": [good]}).status_code == 401
    with as_staff():
        assert not Progress.objects.exists()


def test_a_hundred_entries_cost_as_many_statements_as_one(
    client: APIClient, many: Callable[[int], list[Any]]
) -> None:
    works = many(100)

    def count(entries: list[Any], statuses: set[int]) -> int:
        with counted_queries() as seen:
            results = client.put(BULK, {"entries": entries}).json()["results"]
        assert {each["status"] for each in results} == statuses
        assert len(results) == len(entries)
        return len(seen.sql)

    count([entry(works[0])], {200})
    assert count([entry(works[0], 1, 1)], {200}) == 1
    assert count([entry(work, 1, 2) for work in works], {200}) == 1
    assert count([entry(works[0], 1, 1)], {200}) == 2
    older = [entry(work, 1, 1) for work in works]
    older[7]["novel" if "novel" in older[7] else "comic"] = 10**9
    assert count(older, {200, 404}) == 2


def test_two_devices_that_send_all_at_once_leave_the_newest(
    as_user: Callable[..., APIClient], ann: Any, many: Callable[[int], list[Any]]
) -> None:
    works = many(20)
    devices = [as_user(ann) for _ in range(2)]
    first = [entry(work, 1, at % 2) for at, work in enumerate(works)]
    second = [entry(work, 1, 1 - at % 2) for at, work in enumerate(works)]

    for turn in range(3):
        responses = at_once(
            lambda: devices[0].put(BULK, {"entries": first}),
            lambda: devices[1].put(BULK, {"entries": second[::-1]}),
        )
        assert [response.status_code for response in responses] == [200, 200], turn
    for work in works:
        assert devices[0].get(url(work)).json() == shown(work, 1, 1)


def test_works_in_progress_are_listed_with_cards_and_places(
    client: APIClient, as_user: Any, bob: Any, novel: Any, comic: Any
) -> None:
    client.put(url(comic), place(comic, 2, 1))
    client.put(url(novel), place(novel, 3, 0, position=0.5))
    as_user(bob).put(url(novel), place(novel, 1, 9))

    body = client.get(CONTINUE).json()

    cards = [client.get(f"/api/v1/{each}/").json() for each in (
        f"comics/{comic.pk}", f"novels/{novel.pk}"
    )]  # fmt: skip
    rest = [{"chapter": None, "panel": 2, "position": 0.0}]
    rest += [{"chapter": 3, "panel": None, "position": 0.5}]
    assert body["results"] == [
        {"novel": None, "comic": cards[0], **rest[0], "read_at": place(comic, 2, 1)["read_at"]},
        {"novel": cards[1], "comic": None, **rest[1], "read_at": place(novel)["read_at"]},
    ]
    assert (body["next"], body["previous"]) == (None, None)


def test_the_list_follows_each_write(
    api: APIClient, client: APIClient, novel: Any, comic: Any, settings: Settings
) -> None:
    def read() -> list[Any]:
        for _ in range(2):
            warm = client.get(CONTINUE).json()["results"]
        settings.MORPHEUS_CACHE = False
        assert client.get(CONTINUE).json()["results"] == warm
        settings.MORPHEUS_CACHE = True
        return [each["novel"] or each["comic"] for each in warm]

    def titles() -> list[Any]:
        return [each["title"] for each in read()]

    assert titles() == []
    client.put(url(novel), place(novel))
    client.put(url(comic), place(comic, 1, 1))
    assert titles() == [comic.title, novel.title]
    client.put(url(novel), place(novel, 2, 2))
    assert titles() == [novel.title, comic.title]
    client.put(url(novel), place(novel, 3, 3, finished=True))
    assert titles() == [comic.title]
    client.put(url(novel), place(novel, 1, 4))
    with as_staff():
        Novel.objects.filter(pk=novel.pk).update(title="Renamed", is_public=True)
        Comic.objects.filter(pk=comic.pk).update(is_public=False)
    assert titles() == ["Renamed"]
    with as_staff():
        Comic.objects.filter(pk=comic.pk).update(is_public=True)
        Novel.objects.filter(pk=novel.pk).update(is_public=False)
    [shown_comic] = read()
    assert (shown_comic["title"], shown_comic["novel"]) == (comic.title, None)
    with as_staff():
        Comic.objects.filter(pk=comic.pk).delete()
    assert titles() == []
    client.delete(url(novel))
    assert titles() == []
    assert api.get(CONTINUE).status_code == 401


def test_pages_of_any_depth_show_each_once_however_many_are_invisible(
    client: APIClient, as_user: Any, bob: Any, many: Callable[[int], list[Any]]
) -> None:
    works = many(12)
    # All at one moment, so the ids alone tell them apart.
    client.put(BULK, {"entries": [entry(work) for work in works]})
    for work in works[:6]:
        with as_staff():
            type(work).objects.filter(pk=work.pk).update(is_public=False)

    seen, link, pages = [], f"{CONTINUE}?page_size=2", 0
    while link:
        body = client.get(link).json()
        seen += [(each["novel"] or each["comic"])["title"] for each in body["results"]]
        previous, link, pages = body["previous"], body["next"], pages + 1

    assert pages == 6 and previous
    assert sorted(seen) == sorted(work.title for work in works[6:])
    back = []
    while previous:
        body = client.get(previous).json()
        back += [(each["novel"] or each["comic"])["title"] for each in body["results"]]
        previous = body["previous"]
    assert set(back) <= set(seen)
    # A cursor is of its reader alone.
    cursor = client.get(f"{CONTINUE}?page_size=2").json()["next"]
    assert as_user(bob).get(cursor).status_code == 400
    for query in ("page_size=0", "ordering=title", "cursor=x", "owner=me"):
        assert client.get(f"{CONTINUE}?{query}").status_code == 400


def test_a_list_costs_the_same_however_long_it_is(
    client: APIClient,
    many: Callable[[int], list[Any]],
    assert_flat_queries: Callable[..., None],
    settings: Settings,
) -> None:
    settings.MORPHEUS_CACHE = False

    def grow() -> None:
        client.put(BULK, {"entries": [entry(work) for work in many(10)]})

    grow()
    assert_flat_queries(lambda: client.get(CONTINUE), grow, budget=10)


def test_a_warm_list_costs_nothing(client: APIClient, novel: Any) -> None:
    client.put(url(novel), place(novel))
    client.get(CONTINUE)

    with counted_queries() as seen:
        assert len(client.get(CONTINUE).json()["results"]) == 1
    assert seen.sql == []


def test_cached_values_have_the_shape_of_their_version(
    client: APIClient, ann: Any, novel: Any, comic: Any
) -> None:
    client.put(url(novel), place(novel))
    client.put(url(comic), place(comic))
    for path in (CONTINUE, url(novel)):
        client.get(path)

    for policy in (PAGE, PLACE):
        [key] = cached_values(policy.name)
        key = key.removeprefix(f"{policy.name}:v{policy.version}:")
        assert_shape_is_kept(SHAPES, policy, key.removesuffix(f"@{ann.pk}"), ann.pk)


def test_an_export_has_all_places(
    client: APIClient, ann: Any, bob: Any, novel: Any, comic: Any
) -> None:
    client.put(url(novel), place(novel, 2, position=0.5))
    client.put(url(comic), place(comic, finished=True))
    with as_staff():
        Novel.objects.filter(pk=novel.pk).update(is_public=False)
    part = account_parts["reading"]

    [[file]] = part.export(ann.pk)

    assert (part.count(ann.pk), part.count(bob.pk)) == (1, 0)
    assert [*part.export(bob.pk)] == []
    assert file.name == "reading.json"
    places = orjson.loads(b"".join(file.read()))
    assert [(each["novel_id"], each["comic_id"]) for each in places] == [
        (novel.pk, None),
        (None, comic.pk),
    ]
    assert places[0] == {
        "novel_id": novel.pk,
        "comic_id": None,
        "number": 2,
        "position": 0.5,
        "is_finished": False,
        "read_at": "2026-01-01T12:00:00+00:00",
    }


def test_a_deleted_user_leaves_no_places(client: APIClient, ann: Any, novel: Any) -> None:
    client.put(url(novel), place(novel))

    with as_staff():
        type(ann).objects.filter(pk=ann.pk).delete()
        assert not Progress.objects.exists()
