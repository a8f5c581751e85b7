"""GET, POST /comics/{id}/panels/ and the pictures behind their `image_url`."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image
from pytest_django import Settings
from rest_framework.test import APIClient

from tests.comics.picture_files import image_path
from users.models import User

pytestmark = pytest.mark.django_db


def url(comic: Any) -> str:
    return f"/api/v1/comics/{comic.pk}/panels/"


def body(response: Any) -> bytes:
    """Read a response to its end and close its file, as a server does."""
    return b"".join(response.streaming_content) if response.streaming else response.content


@pytest.fixture
def comic(ann: User, make_comics: Callable[..., list[Any]]) -> Any:
    return make_comics(owner=ann)[0]


def test_real_pages_come_back_with_their_sizes(
    api: APIClient,
    as_user: Callable[..., APIClient],
    ann: User,
    comic: Any,
    real_data: Path,
    upload: Callable[..., Any],
) -> None:
    pages = sorted((real_data / "comics").glob("*.png"))
    for page in pages:
        response = as_user(ann).post(
            url(comic), upload(page.read_bytes(), caption=page.stem), format="multipart"
        )
        assert response.status_code == 201, response.json()

    panels = api.get(url(comic)).json()["results"]

    sizes = [(panel["width"], panel["height"]) for panel in panels]
    assert sizes == [(992, 690), (992, 1401), (992, 1401), (992, 1401)]
    assert [panel["number"] for panel in panels] == [1, 2, 3, 4]
    for panel, page in zip(panels, pages, strict=True):
        assert panel["caption"] == page.stem
        response = api.get(panel["image_url"])
        assert response["Content-Type"] == "image/png"
        assert body(response) == page.read_bytes()
    card = api.get(f"/api/v1/comics/{comic.pk}/").json()
    assert card["panel_count"] == 4
    for size, width in (("small", 160), ("medium", 320), ("large", 640)):
        response = api.get(f"/api/v1/comics/{comic.pk}/thumbnail/?size={size}")
        with Image.open(BytesIO(body(response))) as image:
            image.load()
            assert (image.format, image.size) == ("WEBP", (width, round(width * 690 / 992)))


def test_a_new_panel_is_returned_as_the_list_shows_it(
    api: APIClient,
    as_user: Callable[..., APIClient],
    ann: User,
    comic: Any,
    make_picture: Callable[..., bytes],
    upload: Callable[..., Any],
) -> None:
    body = upload(make_picture(30, 40), number=7, caption="Down the hole")

    response = as_user(ann).post(url(comic), body, format="multipart")

    assert response.status_code == 201
    panel = response.json()
    assert list(panel) == ["id", "number", "caption", "image_url", "width", "height"]
    assert (panel["number"], panel["width"], panel["height"]) == (7, 30, 40)
    assert panel["image_url"].startswith(f"http://testserver{url(comic)}7/image/?v=")
    assert api.get(url(comic)).json()["results"] == [panel]


def test_numbers_continue_after_the_last_one_and_are_never_taken_twice(
    as_user: Callable[..., APIClient],
    ann: User,
    comic: Any,
    make_picture: Callable[..., bytes],
    upload: Callable[..., Any],
) -> None:
    client = as_user(ann)

    def post(**fields: Any) -> Any:
        return client.post(url(comic), upload(make_picture(), **fields), format="multipart")

    assert post().json()["number"] == 1
    assert post(number=5).json()["number"] == 5
    assert post().json()["number"] == 6
    before = sorted(path for path in image_path("ab", "image/png").parent.parent.rglob("*.png"))
    assert post(number=5).status_code == 409
    after = sorted(path for path in image_path("ab", "image/png").parent.parent.rglob("*.png"))
    assert before == after
    for number in ("0", "-1", "x", "100001", str(10**30)):
        response = post(number=number)
        assert response.status_code == 400
        assert "number" in response.json()["errors"]


def test_the_cover_is_the_panel_with_the_lowest_number(
    comic: Any, add_panel: Callable[..., Any]
) -> None:
    second = add_panel(comic, number=2)
    comic.refresh_from_db()
    assert (comic.cover, comic.panel_count) == (second.image, 1)

    add_panel(comic, number=3)
    first = add_panel(comic, number=1)

    comic.refresh_from_db()
    assert (comic.cover, comic.panel_count) == (first.image, 3)


def test_the_same_picture_twice_is_stored_once(
    comic: Any, add_panel: Callable[..., Any], make_picture: Callable[..., bytes]
) -> None:
    data = make_picture()

    assert add_panel(comic, data).image == add_panel(comic, data).image


def test_only_the_owner_adds_panels(
    api: APIClient,
    as_user: Callable[..., APIClient],
    make_user: Callable[..., Any],
    ann: User,
    comic: Any,
    make_picture: Callable[..., bytes],
    upload: Callable[..., Any],
) -> None:
    ben = as_user(make_user("ben"))
    data = make_picture()

    assert api.post(url(comic), upload(data), format="multipart").status_code == 401
    assert ben.post(url(comic), upload(data), format="multipart").status_code == 403
    assert as_user(ann).post(url(comic), {"number": 1}).status_code == 415


@pytest.mark.parametrize("missing", [True, False])
def test_a_panel_needs_a_picture(
    as_user: Callable[..., APIClient], ann: User, comic: Any, missing: bool
) -> None:
    body = {} if missing else {"image": SimpleUploadedFile("page.svg", b"<svg/>")}

    response = as_user(ann).post(url(comic), body, format="multipart")

    assert response.status_code == 400
    assert "image" in response.json()["errors"]


@pytest.mark.parametrize("times", [1.1, 5])
def test_a_file_over_the_limit_is_refused(
    as_user: Callable[..., APIClient],
    ann: User,
    comic: Any,
    make_picture: Callable[..., bytes],
    upload: Callable[..., Any],
    settings: Settings,
    times: float | int,
) -> None:
    settings.MORPHEUS_MAX_IMAGE_BYTES = 20_000
    data = make_picture().ljust(int(settings.MORPHEUS_MAX_IMAGE_BYTES * times), b"\0")

    response = as_user(ann).post(url(comic), upload(data), format="multipart")

    assert response.status_code == 400
    assert "MB" in response.json()["errors"]["image"][0]


def test_every_route_hides_private_comics(
    api: APIClient,
    as_user: Callable[..., APIClient],
    make_user: Callable[..., Any],
    ann: User,
    make_comics: Callable[..., list[Any]],
    add_panel: Callable[..., Any],
    make_picture: Callable[..., bytes],
    upload: Callable[..., Any],
) -> None:
    (comic,) = make_comics(owner=ann, is_public=False)
    add_panel(comic)
    ben = as_user(make_user("ben"))
    routes = ["", "panels/", "panels/1/image/", "thumbnail/", "thumbnail/?size=small"]

    for route in routes:
        where = f"/api/v1/comics/{comic.pk}/{route}"
        assert api.get(where).status_code == 404, route
        assert ben.get(where).status_code == 404, route
        response = as_user(ann).get(where)
        assert response.status_code == 200, route
        assert response["Cache-Control"].startswith("private"), route
        if response.streaming:
            body(response)
    response = ben.post(url(comic), upload(make_picture()), format="multipart")
    assert response.status_code == 404


def test_panels_page_by_number(api: APIClient, comic: Any, add_panel: Callable[..., Any]) -> None:
    for number in (3, 1, 2):
        add_panel(comic, number=number)

    numbers, link = [], f"{url(comic)}?page_size=2"
    while link:
        response = api.get(link)
        numbers += [panel["number"] for panel in response.json()["results"]]
        link = response.json()["next"]

    assert numbers == [1, 2, 3]
    assert "public" in response["Cache-Control"]
    assert api.get(f"/api/v1/comics/{comic.pk + 1}/panels/").status_code == 404


def test_panels_cost_two_queries_however_many_there_are(
    api: APIClient,
    comic: Any,
    add_panel: Callable[..., Any],
    assert_flat_queries: Callable[..., None],
) -> None:
    def grow() -> None:
        for _ in range(5):
            add_panel(comic)

    grow()
    assert_flat_queries(lambda: api.get(url(comic)), grow, budget=2)


def test_adding_a_panel_costs_the_same_however_many_there_are(
    as_user: Callable[..., APIClient],
    ann: User,
    comic: Any,
    make_picture: Callable[..., bytes],
    upload: Callable[..., Any],
    assert_flat_queries: Callable[..., None],
) -> None:
    client = as_user(ann)

    def post() -> Any:
        return client.post(url(comic), upload(make_picture()), format="multipart")

    post()
    # Two of them find token and user, three compare what the owner keeps with the quota.
    assert_flat_queries(post, post, budget=11)
