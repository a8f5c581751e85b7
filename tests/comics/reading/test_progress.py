"""/novels/{id}/progress/ and /comics/{id}/progress/: the newest time of the client wins."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from comics.reading.models import Progress
from comics.reading.services import WorkNotFound, progress_store
from morpheus.db.postgresql.times import format_time
from morpheus.db.transactions import write_transaction
from novels.models import Novel
from novels.services.novels import novel_delete, novel_update
from tests.comics.test_services import at_once
from tests.conftest import as_staff, collect_tags
from tests.visitor import counted_queries

pytestmark = pytest.mark.django_db(transaction=True)

KINDS = ["novel", "comic"]
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def works(novel: Any, comic: Any) -> dict[str, Any]:
    return {"novel": novel, "comic": comic}


def url(work: Any) -> str:
    return f"/api/v1/{work._meta.model_name}s/{work.pk}/progress/"


def place(work: Any, number: int = 1, minutes: int = 0, **fields: Any) -> dict[str, Any]:
    name = "chapter" if isinstance(work, Novel) else "panel"
    return {name: number, "read_at": format_time(NOON + timedelta(minutes=minutes)), **fields}


def shown(work: Any, number: int = 1, minutes: int = 0, **fields: Any) -> dict[str, Any]:
    """Return what a GET of a place shows."""
    kind = work._meta.model_name
    empty = {"novel": None, "comic": None, "chapter": None, "panel": None}
    rest = {"position": 0.0, "finished": False}
    return empty | {kind: work.pk} | rest | place(work, number, minutes, **fields)


@pytest.mark.parametrize("kind", KINDS)
def test_a_place_is_stored_shown_changed_and_forgotten(
    client: APIClient, works: dict[str, Any], kind: str
) -> None:
    work = works[kind]
    nothing = {
        **shown(work), "chapter": None, "panel": None, "position": None, "read_at": None
    }  # fmt: skip
    assert client.get(url(work)).json() == nothing

    response = client.put(url(work), place(work, 2))

    assert (response.status_code, response.json()) == (200, shown(work, 2))
    response = client.get(url(work))
    assert response.json() == shown(work, 2)
    assert response["Cache-Control"] == "private, no-cache"
    client.put(url(work), place(work, 3, 1, finished=True))
    assert client.get(url(work)).json() == shown(work, 3, 1, finished=True)
    # Back again, later.
    client.put(url(work), place(work, 1, 2))
    assert client.get(url(work)).json() == shown(work, 1, 2)
    for _ in range(2):
        assert client.delete(url(work)).status_code == 204
        assert client.get(url(work)).json() == nothing
    with as_staff():
        assert not Progress.objects.exists()


def test_a_place_in_a_novel_is_exact(client: APIClient, novel: Any) -> None:
    client.put(url(novel), place(novel, 2, position=0.123456789012345))

    assert client.get(url(novel)).json() == shown(novel, 2, position=0.123456789012345)


@pytest.mark.parametrize("kind", KINDS)
def test_an_older_time_and_the_same_one_change_nothing(
    client: APIClient, works: dict[str, Any], kind: str
) -> None:
    work = works[kind]
    client.put(url(work), place(work, 2, 5))

    for minutes in (5, 4, -1_000_000):
        response = client.put(url(work), place(work, 3, minutes, finished=True))
        assert (response.status_code, response.json()) == (200, shown(work, 2, 5))
        assert client.get(url(work)).json() == shown(work, 2, 5)


def test_times_are_compared_as_moments(client: APIClient, novel: Any) -> None:
    client.put(url(novel), place(novel, 1) | {"read_at": "2026-01-01T12:00:00+02:00"})
    client.put(url(novel), place(novel, 2) | {"read_at": "2026-01-01T09:30:00-01:00"})

    assert client.get(url(novel)).json() == shown(novel, 2, -90)


@pytest.mark.parametrize("kind", KINDS)
def test_each_reader_has_a_place(
    api: APIClient, as_user: Any, bob: Any, owner: Any, client: Any, works: Any, kind: str
) -> None:
    work, bobs, owners = works[kind], as_user(bob), as_user(owner)
    client.put(url(work), place(work, 1))
    bobs.put(url(work), place(work, 2))
    owners.put(url(work), place(work, 3))

    places = [each.get(url(work)).json() for each in (client, bobs, owners)]

    assert places == [shown(work, number) for number in (1, 2, 3)]
    bobs.delete(url(work))
    assert client.get(url(work)).json() == shown(work, 1)
    for response in (
        api.get(url(work)), api.put(url(work), place(work)), api.delete(url(work))
    ):  # fmt: skip
        assert response.status_code == 401


@pytest.mark.parametrize("kind", KINDS)
def test_a_work_that_the_caller_cannot_see_is_404(
    client: APIClient, as_user: Any, owner: Any, works: dict[str, Any], kind: str
) -> None:
    work = works[kind]
    client.put(url(work), place(work, 2))
    with as_staff():
        type(work).objects.filter(pk=work.pk).update(is_public=False)
    absent = [f"/api/v1/{kind}s/{pk}/progress/" for pk in (10**9, 2**63, 10**30)]

    for where in (url(work), *absent):
        for response in (client.get(where), client.put(where, place(work, 1, 1))):
            assert response.status_code == 404
            assert response.json()["code"] == "not_found"
    assert all(client.delete(where).status_code == 404 for where in absent)
    assert as_user(owner).put(url(work), place(work, 3)).status_code == 200
    with as_staff():
        type(work).objects.filter(pk=work.pk).update(is_public=True)
    assert client.get(url(work)).json() == shown(work, 2)
    with as_staff():
        type(work).objects.filter(pk=work.pk).update(is_public=False)
    # The caller's own place can be deleted.
    assert [client.delete(url(work)).status_code for _ in range(2)] == [204, 404]


# JSON that no place has.
BAD = {
    "number": '0 -1 2147483648 9223372036854775808 1e400 1.5 "x" "" null [] {} true'.split(),
    "position": '-0.1 1.1 -1 1e400 -1e400 "nan" "inf" "x" null [] {} true'.split()
    + ["1" + "0" * 400],
    "read_at": 'null "" "x" 5 [] {} true "2026-13-01T00:00:00Z" "0001-01-01T00:00:00+14:00"'.split()
    + ['"9999-12-31T23:59:59-14:00"'],
    "finished": 'null "x" [] {} 2'.split(),
}


def test_a_malformed_place_is_refused_by_its_field(
    client: APIClient, novel: Any, comic: Any
) -> None:
    def put(work: Any, body: str) -> Any:
        return client.generic("PUT", url(work), body, content_type="application/json")

    for work, name in ((novel, "chapter"), (comic, "panel")):
        for field, values in BAD.items():
            if work is comic and field == "position":
                continue
            field = name if field == "number" else field
            rest = {key: value for key, value in place(work).items() if key != field}
            for value in values:
                response = put(work, f'{json.dumps(rest)[:-1]}, "{field}": {value}}}')
                assert response.status_code == 400, (field, value, response.json())
                pointers = [each["pointer"] for each in response.json()["violations"]]
                assert pointers == [f"/{field}"], (value, pointers)
            if field != "finished" and field != "position":
                assert put(work, json.dumps(rest)).status_code == 400
    for body in ("[]", "1", '"x"', "null", "{", '{"chapter": NaN}', ""):
        assert put(novel, body).status_code == 400, body
    with as_staff():
        assert not Progress.objects.exists()


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_chapter_or_panel_is_refused_whatever_is_stored(
    client: APIClient, works: dict[str, Any], kind: str
) -> None:
    work = works[kind]
    for _ in range(2):
        response = client.put(url(work), place(work, 4))
        assert response.status_code == 400
        [violation] = response.json()["violations"]
        name = "chapter" if kind == "novel" else "panel"
        assert (violation["pointer"], violation["code"]) == (f"/{name}", "does_not_exist")
        client.put(url(work), place(work, 1, 5))
    assert client.get(url(work)).json() == shown(work, 1, 5)


def test_a_time_too_far_in_the_future_is_refused(client: APIClient, novel: Any) -> None:
    def put(minutes: float) -> Any:
        read_at = timezone.now() + timedelta(minutes=minutes)
        return client.put(url(novel), place(novel) | {"read_at": format_time(read_at)})

    assert put(4.5).status_code == 200
    response = put(5.5)
    assert response.status_code == 400
    [violation] = response.json()["violations"]
    assert (violation["pointer"], violation["code"]) == ("/read_at", "in_the_future")


@pytest.mark.parametrize("kind", KINDS)
def test_of_two_devices_at_once_the_newer_time_wins(
    as_user: Callable[..., APIClient], ann: Any, works: dict[str, Any], kind: str
) -> None:
    work = works[kind]
    devices = [as_user(ann) for _ in range(4)]
    for turn, numbers in enumerate(itertools.permutations((1, 2, 3))):
        order = [(number, 10 * turn + number) for number in numbers]
        sends = [
            lambda device=device, sent=sent: device.put(url(work), place(work, *sent))
            for device, sent in zip(devices, order, strict=False)
        ]

        responses = at_once(*sends)

        assert [response.status_code for response in responses] == [200] * 3
        newest = shown(work, 3, 10 * turn + 3)
        assert devices[3].get(url(work)).json() == newest
        # None shows a place older than its own.
        for response, (_, minutes) in zip(responses, order, strict=True):
            assert response.json()["read_at"] >= format_time(NOON + timedelta(minutes=minutes))
    with as_staff():
        assert Progress.objects.count() == 1


def test_a_novel_that_is_deleted_meanwhile_is_not_found(ann: Any, novel: Any) -> None:
    for _ in range(5):
        with write_transaction(as_user=novel.owner_id):
            copy = Novel.objects.create(title="Copy", owner_id=novel.owner_id, is_public=True)
            copy.chapters.create(number=1, title="", owner_id=copy.owner_id, is_public=True)

        def delete(pk: int = copy.pk) -> None:
            with write_transaction(as_user=novel.owner_id):
                novel_delete(novel_id=pk, owner_id=novel.owner_id)

        def store(pk: int = copy.pk) -> Any:
            entry = Progress(novel_id=pk, number=1, read_at=NOON)
            return progress_store(user_id=ann.pk, entries=[entry])

        [_, stored] = at_once(delete, store)

        assert isinstance(stored, list), stored
        assert isinstance(stored[0], Progress | WorkNotFound)
        with as_staff():
            assert not Progress.objects.exists()


def test_a_write_costs_one_statement_and_an_older_one_two(
    client: APIClient, novel: Any, comic: Any
) -> None:
    client.put(url(novel), place(novel))

    def count(send: Callable[[], Any]) -> list[str]:
        with counted_queries() as seen:
            assert send().status_code < 300
        return [sql for sql in seen.sql if "reading_progress" in sql]

    newer = count(lambda: client.put(url(novel), place(novel, 2, 1)))
    older = count(lambda: client.put(url(novel), place(novel, 1, 0)))

    assert [len(newer), len(older)] == [1, 2]
    assert len(count(lambda: client.delete(url(novel)))) == 1
    assert len(count(lambda: client.get(url(novel)))) == 1
    assert len(count(lambda: client.get(url(novel)))) == 0


def test_a_place_is_read_again_after_its_own_changes_alone(
    client: APIClient, as_user: Any, bob: Any, novel: Any, comic: Any
) -> None:
    bobs = as_user(bob)
    paths = [url(novel), f"/api/v1/novels/{novel.pk}/", "/api/v1/novels/", "/api/v1/users/me/"]
    paths += ["/api/v1/users/me/continue/"]
    bobs.put(url(novel), place(novel, 2))

    def read_all() -> None:
        for path in paths:
            assert bobs.get(path).status_code == 200

    for _ in range(3):
        read_all()
    client.put(url(novel), place(novel))
    client.put(url(comic), place(comic))
    client.delete(url(novel))
    with counted_queries() as seen:
        read_all()
    assert seen.sql == []
    bobs.put(url(comic), place(comic))
    with counted_queries() as seen:
        bobs.get(url(novel))
    assert seen.sql == []


def test_the_tags_are_of_the_reader_alone(ann: Any, novel: Any, comic: Any) -> None:
    key = f"reading:{ann.pk}"

    def tags_of(change: Callable[[], Any]) -> set[str]:
        with write_transaction(as_user=ann.pk), collect_tags() as tags:
            change()
        return tags

    def store(**fields: Any) -> Callable[[], Any]:
        entry = Progress(number=1, read_at=NOON, **fields)
        return lambda: Progress.objects.store(ann.pk, [entry])

    of_novel = {key, f"{key}/novel:{novel.pk}"}
    assert tags_of(store(novel_id=novel.pk)) == of_novel
    assert tags_of(store(novel_id=novel.pk)) == set()
    assert tags_of(store(comic_id=comic.pk, is_finished=True)) == {f"{key}/comic:{comic.pk}"}
    assert tags_of(Progress.objects.filter(novel=novel).delete) == of_novel


def test_deleting_a_work_deletes_its_places_and_invalidates_lists(
    client: APIClient, ann: Any, novel: Any, comic: Any
) -> None:
    client.put(url(novel), place(novel))
    client.put(url(comic), place(comic, finished=True))
    client.get(url(novel))

    with write_transaction(as_user=novel.owner_id), collect_tags() as tags:
        novel_delete(novel_id=novel.pk, owner_id=novel.owner_id)

    assert f"reading:{ann.pk}" in tags
    assert f"reading:{ann.pk}/novel:{novel.pk}" not in tags
    with as_staff():
        assert Progress.objects.get().comic_id == comic.pk
        type(comic).objects.filter(pk=comic.pk).delete()
        assert not Progress.objects.exists()


def test_a_place_outlives_its_chapter(client: APIClient, novel: Any) -> None:
    client.put(url(novel), place(novel, 3))
    with as_staff():
        novel.chapters.filter(number=3).delete()

    assert client.get(url(novel)).json() == shown(novel, 3)


def test_a_withdrawn_novel_ends_the_cached_place(client: APIClient, novel: Any) -> None:
    client.put(url(novel), place(novel))
    assert client.get(url(novel)).status_code == 200
    with write_transaction(as_user=novel.owner_id):
        novel_update(novel_id=novel.pk, changes={"is_public": False}, owner_id=novel.owner_id)

    assert client.get(url(novel)).status_code == 404


def test_a_conditional_delete_compares_the_place(client: APIClient, novel: Any) -> None:
    client.put(url(novel), place(novel))
    etag = client.get(url(novel))["ETag"]
    client.put(url(novel), place(novel, 2, 1))

    assert client.delete(url(novel), headers={"If-Match": etag}).status_code == 412
    etag = client.get(url(novel))["ETag"]
    assert client.delete(url(novel), headers={"If-Match": etag}).status_code == 204
