"""The bytes of panels and thumbnails, and what they say about being kept."""

from __future__ import annotations

import errno
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from pytest_django import Settings
from rest_framework.test import APIClient

from comics.models import Rendition
from tests.comics.picture_files import image_path, rendition_path
from tests.visitor import counted_queries

pytestmark = pytest.mark.django_db


@pytest.fixture
def comic(make_comics: Callable[..., list[Any]]) -> Any:
    return make_comics()[0]


@pytest.fixture
def panel(comic: Any, add_panel: Callable[..., Any], make_picture: Callable[..., bytes]) -> Any:
    return add_panel(comic, make_picture(700, 1000))


@pytest.fixture
def links(api: APIClient, comic: Any, panel: Any) -> Any:
    """Links to the picture of the panel and to the thumbnail, as the API gives them."""
    (listed,) = api.get(f"/api/v1/comics/{comic.pk}/panels/").json()["results"]
    return listed["image_url"], api.get(f"/api/v1/comics/{comic.pk}/").json()["thumbnail_url"]


def body(response: Any) -> bytes:
    """Read a response to its end and close its file, as a server does."""
    return b"".join(response.streaming_content) if response.streaming else response.content


@pytest.mark.parametrize("which", [0, 1])
def test_a_picture_with_a_version_may_be_cached_for_ever(
    api: APIClient, links: Any, which: int
) -> None:
    response = api.get(links[which])

    assert response.status_code == 200
    assert response["Cache-Control"] == "public, max-age=31536000, immutable"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["ETag"].startswith('"')
    assert int(response["Content-Length"]) == len(body(response))


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("version", ["", "?v=0123456789abcdef"])
def test_a_picture_without_a_version_is_revalidated(
    api: APIClient, links: Any, which: int, version: str
) -> None:
    response = api.get(links[which].partition("?")[0] + version)

    assert response.status_code == 200
    assert response["Cache-Control"] == "public, no-cache"
    body(response)


@pytest.mark.parametrize("which", [0, 1])
def test_an_unchanged_picture_is_304(api: APIClient, links: Any, which: int) -> None:
    response = api.get(links[which])
    body(response)

    again = api.get(links[which], headers={"If-None-Match": response["ETag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert again["ETag"] == response["ETag"]
    assert "immutable" in again["Cache-Control"]


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("accept", ["image/avif,image/webp,image/*", "image/png", "*/*"])
def test_any_accept_header_gets_the_picture(
    api: APIClient, links: Any, which: int, accept: str
) -> None:
    response = api.get(links[which], headers={"Accept": accept})

    assert response.status_code == 200
    assert response["Content-Type"].startswith("image/")
    body(response)


def test_the_etag_of_a_panel_is_the_digest_of_its_body(
    api: APIClient, links: Any, panel: Any
) -> None:
    from hashlib import sha256

    response = api.get(links[0])

    assert (
        response["ETag"] == f'"{panel.image.digest}"' == f'"{sha256(body(response)).hexdigest()}"'
    )


def test_head_sends_no_body(api: APIClient, links: Any) -> None:
    response = api.head(links[0])

    assert response.status_code == 200
    assert int(response["Content-Length"]) > 0
    assert body(response) == b""


def test_thumbnails_have_three_sizes_and_nothing_is_made_larger(
    api: APIClient,
    make_comics: Callable[..., list[Any]],
    add_panel: Callable[..., Any],
    make_picture: Callable[..., bytes],
    comic: Any,
    panel: Any,
) -> None:
    (tiny,) = make_comics()
    add_panel(tiny, make_picture(200, 10))

    def size_of(a_comic: Any, query: str) -> Any:
        response = api.get(f"/api/v1/comics/{a_comic.pk}/thumbnail/{query}")
        with Image.open(BytesIO(body(response))) as image:
            image.load()
            return image.size

    assert size_of(comic, "?size=small") == (160, 229)
    assert size_of(comic, "") == size_of(comic, "?size=medium") == (320, 457)
    assert size_of(comic, "?size=large") == (640, 914)
    assert size_of(tiny, "?size=large") == (200, 10)
    assert api.get(f"/api/v1/comics/{comic.pk}/thumbnail/?size=huge").status_code == 400


def test_a_comic_without_panels_has_no_thumbnail(api: APIClient, comic: Any) -> None:
    assert api.get(f"/api/v1/comics/{comic.pk}/thumbnail/").status_code == 404
    assert api.get(f"/api/v1/comics/{comic.pk}/").json()["thumbnail_url"] is None


def test_another_cover_has_another_url(
    api: APIClient, comic: Any, add_panel: Callable[..., Any]
) -> None:
    add_panel(comic, number=2)
    before = api.get(f"/api/v1/comics/{comic.pk}/").json()["thumbnail_url"]

    add_panel(comic, number=1)

    assert api.get(f"/api/v1/comics/{comic.pk}/").json()["thumbnail_url"] != before


def test_a_thumbnail_is_made_once_and_then_costs_one_query(api: APIClient, links: Any) -> None:
    body(api.get(links[1]))
    assert Rendition.objects.count() == 1

    with counted_queries() as warm:
        body(api.get(links[1]))

    assert len(warm.sql) == 1, warm.sql
    assert Rendition.objects.count() == 1


def test_a_lost_thumbnail_file_is_made_again(api: APIClient, links: Any, panel: Any) -> None:
    first = body(api.get(links[1]))
    rendition_path(panel.image.digest, "medium").unlink()

    assert body(api.get(links[1])) == first


@pytest.mark.parametrize("which", [0, 1])
def test_a_lost_picture_file_is_404(api: APIClient, links: Any, panel: Any, which: int) -> None:
    image_path(panel.image.digest, panel.image.media_type).unlink()

    assert api.get(links[which]).status_code == 404


def test_unknown_panels_are_404(api: APIClient, comic: Any, panel: Any) -> None:
    for number in (2, 10**30):
        assert api.get(f"/api/v1/comics/{comic.pk}/panels/{number}/image/").status_code == 404


def full_disk(*args: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("is_below_the_floor", [True, False])
def test_a_thumbnail_that_cannot_be_stored_is_served(
    api: APIClient,
    links: Any,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    is_below_the_floor: bool,
) -> None:
    with monkeypatch.context() as full:
        if is_below_the_floor:
            settings.MORPHEUS_FREE_SPACE_BYTES = 2**60
        else:
            full.setattr("comics.services.images.file_write", full_disk)
        responses = [api.get(links[1]) for _ in range(2)]

    assert [response.status_code for response in responses] == [200, 200]
    assert not Rendition.objects.exists()
    settings.MORPHEUS_FREE_SPACE_BYTES = 0
    stored = api.get(links[1])
    assert [response.content for response in responses] == [stored.content] * 2
    assert [response["ETag"] for response in responses] == [stored["ETag"]] * 2
