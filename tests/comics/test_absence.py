"""Responses for a private novel or comic and an absent one are alike after any change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from comics.services.comics import comic_update
from morpheus.db.transactions import write_transaction
from novels.services.novels import novel_update
from novels.services.processing import status_advance
from users.models import User

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("one_request_id")]
# All requests of a client count, whatever they name.
VARYING = {"X-Request-ID", "RateLimit"}

API = "/api/v1/"
NOVEL = ("novels/{}/", "novels/{}/chapters/", "novels/{}/chapters/1/", "novels/{}/status/")
COMIC = (
    *("comics/{}/", "comics/{}/panels/", "comics/{}/panels/1/image/", "comics/{}/thumbnail/"),
    *("comics/{}/thumbnail/?size=small", "comics/{}/thumbnail/?v=0123456789abcdef"),
)
ABSENT = 999_999


@pytest.fixture
def novel(
    make_novels: Callable[..., list[Any]], make_chapters: Callable[..., list[Any]], ann: User
) -> Any:
    (novel,) = make_novels(owner=ann, is_public=False)
    make_chapters(novel, "A secret.")
    return novel


@pytest.fixture
def comic(
    make_comics: Callable[..., list[Any]], add_panel: Callable[..., Any], ann: User, novel: Any
) -> Any:
    (comic,) = make_comics(owner=ann, novel=novel, is_public=False)
    add_panel(comic)
    return comic


@pytest.fixture
def strangers(
    api: APIClient, as_user: Callable[..., APIClient], make_user: Callable[..., Any]
) -> Any:
    return [api, as_user(make_user("bob"))]


def response_parts(client: APIClient, method: str, path: str, **headers: Any) -> Any:
    """Return a response without its request id."""
    response = getattr(client, method)(f"{API}{path}", headers=headers)
    rest = {name: value for name, value in response.items() if name not in VARYING}
    return response.status_code, rest, response.content


def write(novel: Any, comic: Any) -> None:
    """Change the novel, its status and the comic, as their owner and the worker do."""
    with write_transaction(as_user=novel.owner_id):
        novel_update(novel_id=novel.pk, changes={"title": "Another secret"})
        comic_update(comic_id=comic.pk, title="Another secret")
    status_advance(novel_id=novel.pk, owner_id=novel.owner_id, stage="parsing", progress=50)


@pytest.mark.parametrize("method", ["get", "head"])
def test_no_header_reveals_whether_an_absent_row_was_cached_or_changed(
    strangers: Any,
    as_user: Callable[..., APIClient],
    ann: User,
    novel: Any,
    comic: Any,
    method: str,
) -> None:
    owner = as_user(ann)

    for client in strangers:
        for path in (*NOVEL, *COMIC):
            private = path.format(novel.pk if path in NOVEL else comic.pk)
            responses = [response_parts(client, method, path.format(ABSENT))]
            # Not cached, then cached.
            responses += [response_parts(client, method, private) for _ in range(2)]
            write(novel, comic)
            responses.append(response_parts(client, method, private))
            owner.get(f"{API}{private}").close()
            responses.append(response_parts(client, method, private))
            responses += [response_parts(client, method, path.format(ABSENT)) for _ in range(2)]

            assert responses[0][0] == 404
            assert responses == [responses[0]] * len(responses), path


def test_a_conditional_request_reveals_no_more(strangers: Any, novel: Any, comic: Any) -> None:
    for client in strangers:
        for path, pk in ((NOVEL[0], novel.pk), (COMIC[0], comic.pk)):
            for headers in ({"If-None-Match": "*"}, {"If-Modified-Since": "x"}, {"X-Explain": "1"}):
                private = response_parts(client, "get", path.format(pk), **headers)
                absent = response_parts(client, "get", path.format(ABSENT), **headers)
                assert private == absent, (path, headers)


@pytest.mark.parametrize("method", ["patch", "delete", "post", "put"])
def test_a_write_by_a_stranger_reveals_no_more(
    strangers: Any, novel: Any, comic: Any, method: str
) -> None:
    for client in strangers:
        for path in (NOVEL[0], COMIC[0], COMIC[1]):
            pk = novel.pk if path in NOVEL else comic.pk
            private = [response_parts(client, method, path.format(pk)) for _ in range(2)]
            absent = [response_parts(client, method, path.format(ABSENT)) for _ in range(2)]
            for response, absent_response in zip(private, absent, strict=True):
                assert response[0] == absent_response[0] >= 400
                if response[0] == 404:
                    assert response == absent_response, path
                assert response[2] == absent_response[2]


def test_the_header_keeps_its_format(api: APIClient) -> None:
    timing = api.get(f"{API}novels/{ABSENT}/")["Server-Timing"]

    assert timing == 'db;desc="withheld";dur=0, cache;desc="withheld"'
