"""Conditional writes: `If-Match` against lost updates."""

from __future__ import annotations

import io
import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from PIL import Image
from rest_framework.test import APIClient

from novels.models import Novel
from perf.monitoring.list_routes import list_api_routes

pytestmark = pytest.mark.django_db(transaction=True)

API = "/api/v1"


@pytest.fixture
def client(as_user: Any, ann: Any) -> APIClient:
    owner: APIClient = as_user(ann)
    return owner


@pytest.fixture
def novel_url(make_novels: Any, ann: Any) -> str:
    return f"{API}/novels/{make_novels(1, owner=ann)[0].pk}/"


@pytest.fixture
def comic_url(client: APIClient) -> str:
    return f"{API}/comics/{client.post(f'{API}/comics/', {'title': 'C'}).json()['id']}/"


def patch(client: APIClient, url: str, title: str, **headers: str) -> Any:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.patch(url, {"title": title}, headers=names)


@pytest.mark.parametrize("kind", ["novel_url", "comic_url"])
def test_a_change_of_what_was_read_is_made_and_has_the_new_tag(
    client: APIClient, kind: str, request: Any
) -> None:
    url = request.getfixturevalue(kind)
    tag = client.get(url)["ETag"]

    first = patch(client, url, "First", If_Match=tag)
    stale = patch(client, url, "Second", If_Match=tag)
    again = patch(client, url, "Third", If_Match=f'"other", {first["ETag"]}')

    assert (first.status_code, stale.status_code, again.status_code) == (200, 412, 200)
    assert stale.json()["code"] == "precondition_failed"
    assert not tag.startswith("W/") and first["ETag"] != tag
    assert again["ETag"] == client.get(url)["ETag"]
    assert client.get(url).json()["title"] == "Third"


def test_every_response_to_a_patch_has_the_tag_of_get(
    client: APIClient, novel_url: str, comic_url: str
) -> None:
    for url in (novel_url, comic_url, f"{API}/users/me/"):
        changed = client.patch(url, {"title": "New", "bio": "New"})
        assert changed["ETag"] == client.get(url)["ETag"]
        assert changed.content == client.get(url).content


@pytest.mark.parametrize("kind", ["novel_url", "comic_url"])
def test_a_deletion_of_something_else_is_refused(
    client: APIClient, kind: str, request: Any
) -> None:
    url = request.getfixturevalue(kind)

    refused = client.delete(url, headers={"If-Match": '"other"'})
    deleted = client.delete(url, headers={"If-Match": client.get(url)["ETag"]})

    assert (refused.status_code, deleted.status_code) == (412, 204)
    assert client.delete(url, headers={"If-Match": "*"}).status_code == 404


def test_what_compression_made_of_a_tag_still_matches(client: APIClient, novel_url: str) -> None:
    tag = client.get(novel_url)["ETag"]

    assert patch(client, novel_url, "New", If_Match=f"W/{tag}").status_code == 200


def test_an_object_that_exists_is_not_created_over(client: APIClient, novel_url: str) -> None:
    assert patch(client, novel_url, "New", If_None_Match="*").status_code == 412
    assert patch(client, novel_url, "New", If_None_Match='"other"').status_code == 200


def test_a_condition_tells_a_stranger_nothing(
    as_user: Any, make_user: Any, make_novels: Any, ann: Any, novel_url: str
) -> None:
    bob = as_user(make_user("bob"))
    private = f"{API}/novels/{make_novels(1, owner=ann, is_public=False)[0].pk}/"

    assert patch(bob, novel_url, "New", If_Match='"other"').status_code == 403
    assert patch(bob, private, "New", If_Match='"other"').status_code == 404


def test_a_read_with_another_tag_is_a_problem(client: APIClient, novel_url: str) -> None:
    response = client.get(novel_url, headers={"If-Match": '"other"'})

    assert (response.status_code, response.json()["code"]) == (412, "precondition_failed")


def test_of_two_clients_that_change_the_same_version_one_is_refused(
    as_user: Any, ann: Any, novel_url: str
) -> None:
    clients = [as_user(ann) for _ in range(2)]
    for turn in range(5):
        tag = clients[0].get(novel_url)["ETag"]
        together = Barrier(2)

        def change(number: int, tag: str = tag, turn: int = turn, at: Barrier = together) -> int:
            try:
                at.wait(20)
                return int(
                    patch(
                        clients[number], novel_url, f"{turn} by {number}", If_Match=tag
                    ).status_code
                )
            finally:
                connection.close()

        with ThreadPoolExecutor(2) as pool:
            statuses = sorted(pool.map(change, range(2)))
        assert statuses == [200, 412]


def test_every_route_that_changes_or_deletes_has_conditions(
    as_user: Any, ann: Any, novel_url: str, comic_url: str
) -> None:
    """But the revocation of the token that the request is sent with."""
    file = io.BytesIO()
    Image.new("RGB", (4, 3), "navy").save(file, "PNG")
    picture = SimpleUploadedFile("p.png", file.getvalue())
    panel = as_user(ann).post(f"{comic_url}panels/", {"image": picture}, format="multipart")
    assert panel.status_code == 201, panel.content
    ids = {
        "panel_id": panel.json()["id"],
        "novel_id": re.findall(r"\d+", novel_url)[-1],
        "comic_id": re.findall(r"\d+", comic_url)[-1],
    }
    without = set()
    for route in list_api_routes():
        if not set(re.findall(r"{(\w+)}", route.path)) <= ids.keys():
            continue
        for method in ("patch", "delete"):
            if hasattr(route.view, method):
                # Revoking a token ends it.
                response = getattr(as_user(ann), method)(
                    f"{API}{route.path.format(**ids)}", {}, headers={"If-Match": '"other"'}
                )
                if response.status_code != 412:
                    without.add(f"{method.upper()} {route.path}")
    # The deletion of an account asks for its password; there is no place to forget.
    places = {f"DELETE /{kind}_id}}/progress/" for kind in ("novels/{novel", "comics/{comic")}
    assert without == {"DELETE /auth/token/", "DELETE /users/me/"} | places
    assert Novel.objects.count() == 1
