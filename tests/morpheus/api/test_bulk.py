"""POST /novels/bulk/ and /comics/bulk/: each id has the result of its single request."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from rest_framework.test import APIClient

from comics.models import Comic
from novels.models import Novel
from tests.comics.conftest import add_panel, make_comics, make_picture
from tests.comics.test_services import at_once
from tests.conftest import as_staff
from tests.visitor import Visitor, counted_queries

__all__ = ["add_panel", "make_comics", "make_picture"]

pytestmark = pytest.mark.django_db(transaction=True)

KINDS = ["novels", "comics"]
MODELS: dict[str, Any] = {"novels": Novel, "comics": Comic}


@pytest.fixture
def client(as_user: Callable[..., APIClient], ann: Any) -> APIClient:
    return as_user(ann)


@pytest.fixture
def make(make_novels: Any, make_comics: Any) -> Callable[..., list[Any]]:
    def make(kind: str, count: int = 1, **fields: Any) -> list[Any]:
        rows: list[Any] = {"novels": make_novels, "comics": make_comics}[kind](count, **fields)
        return rows

    return make


def send(client: APIClient, kind: str, action: str, ids: Any, **options: Any) -> Any:
    body = {"action": action, "ids": ids}
    return client.post(f"/api/v1/{kind}/bulk/", body, **options)


def visibility(kind: str) -> dict[int, bool]:
    with as_staff():
        return dict(MODELS[kind].objects.values_list("pk", "is_public"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("action", ["publish", "withdraw", "delete"])
def test_each_id_has_the_result_of_its_single_request(
    client: APIClient, ann: Any, make: Any, make_user: Any, kind: str, action: str
) -> None:
    bob = make_user("bob")
    [public] = make(kind, owner=ann)
    [private] = make(kind, owner=ann, is_public=False)
    [foreign] = make(kind, owner=bob)
    [hidden] = make(kind, owner=bob, is_public=False)
    ids = [hidden.pk, private.pk, 2**63 - 1, foreign.pk, float(public.pk)]
    name = kind.removesuffix("s")
    owner = {"code": "not_owner", "detail": f"Only its owner may change a {name}."}
    absent = {"status": 404, "code": "not_found", "detail": "Not found."}
    status = 204 if action == "delete" else 200

    response = send(client, kind, action, ids)

    assert response.status_code == 200, response.json()
    assert response.json()["results"] == [
        {"id": hidden.pk, **absent},
        {"id": private.pk, "status": status},
        {"id": 2**63 - 1, **absent},
        {"id": foreign.pk, "status": 403, **owner},
        {"id": public.pk, "status": status},
    ]
    others = {foreign.pk: True, hidden.pk: False}
    is_public = action == "publish"
    own = {} if action == "delete" else {public.pk: is_public, private.pk: is_public}
    assert visibility(kind) == others | own
    expected = 404 if action == "delete" else 200
    assert client.get(f"/api/v1/{kind}/{private.pk}/").status_code == expected


@pytest.mark.parametrize("kind", KINDS)
def test_bad_input_is_refused_whole(
    api: APIClient, client: APIClient, ann: Any, make: Any, kind: str
) -> None:
    [row] = make(kind, owner=ann)
    lists: list[Any] = [[], [row.pk] * 2, [row.pk, 0], [-1], [2**63], ["1"], [1.5], [True], [None]]
    lists += [None, 5, "x", {}, [[row.pk]], [*range(1, 102)], [row.pk, float(row.pk)], [1e300]]
    for ids in lists:
        response = send(client, kind, "delete", ids)
        assert response.status_code == 400, ids
        assert {each["pointer"].split("/")[1] for each in response.json()["violations"]} == {"ids"}
    actions: list[Any] = [None, "", "x", 5, [], {}]
    for action in actions:
        assert send(client, kind, action, [row.pk]).status_code == 400
    assert send(api, kind, "delete", [row.pk]).status_code == 401
    assert visibility(kind) == {row.pk: True}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("action", ["withdraw", "publish", "delete"])
def test_a_hundred_cost_as_many_statements_as_one(
    client: APIClient, ann: Any, make: Any, kind: str, action: str
) -> None:
    rows = make(kind, 101, owner=ann, is_public=action != "publish")

    def count(ids: list[int]) -> int:
        with counted_queries() as seen:
            results = send(client, kind, action, ids).json()["results"]
        assert {each["status"] for each in results} <= {200, 204}
        return len(seen.sql)

    client.get("/api/v1/users/me/")
    first, others = count([rows[0].pk]), count([row.pk for row in rows[1:]])

    assert first == others <= 4


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("action", ["withdraw", "delete"])
def test_no_cached_response_shows_a_withdrawn_or_deleted_row(
    visitor: Visitor, client: APIClient, ann: Any, make: Any, kind: str, action: str
) -> None:
    *gone, kept = [row.pk for row in make(kind, 3, owner=ann)]
    urls = [f"/api/v1/{kind}/", *(f"/api/v1/{kind}/{pk}/" for pk in (*gone, kept))]
    cached = [[visitor.get(url) for url in urls] for _ in range(2)][-1]
    assert [(each.status, each.was_cached) for each in cached] == [(200, True)] * 4

    send(client, kind, action, gone)
    listed, *single = [visitor.get(url) for url in urls]

    assert [each["id"] for each in listed.json()["results"]] == [kept]
    assert [each.status for each in single] == [404, 404, 200]
    assert single[-1].was_cached


@pytest.mark.parametrize("kind", KINDS)
def test_a_repeated_request_gets_the_first_response(
    client: APIClient, ann: Any, make: Any, kind: str
) -> None:
    ids = [row.pk for row in make(kind, 2, owner=ann)]
    headers = {"Idempotency-Key": "once"}

    first, second = (send(client, kind, "delete", ids, headers=headers) for _ in range(2))

    assert first.json() == second.json()
    assert [each["status"] for each in second.json()["results"]] == [204, 204]
    assert second["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_beside_a_deletion_is_before_it_or_404(
    as_user: Any, ann: Any, make: Any, kind: str
) -> None:
    devices = [as_user(ann) for _ in range(2)]
    for _ in range(3):
        rows = make(kind, 3, owner=ann)
        ids = [row.pk for row in rows]

        deleted, changed = at_once(
            partial(send, devices[0], kind, "delete", ids[::-1]),
            partial(devices[1].patch, f"/api/v1/{kind}/{ids[1]}/", {"title": "New"}),
        )

        assert [each["status"] for each in deleted.json()["results"]] == [204] * 3
        assert changed.status_code in (200, 404)
        assert visibility(kind) == {}
