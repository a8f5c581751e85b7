"""GET, PATCH and DELETE of one panel, and PUT of the order of all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from pytest_django import Settings
from rest_framework.test import APIClient

from comics.cache_policies import PANEL
from comics.models import Comic, Image, Panel
from comics.services.panels import PanelsChanged, panel_add, panel_delete, panels_order
from morpheus.db.transactions import write_transaction
from tests.cached_shapes import assert_shape_is_kept
from tests.comics.picture_files import image_path, store
from tests.comics.test_services import at_once
from tests.visitor import counted_queries
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)

SHAPES = Path(__file__).parent / "cached_shapes"


def url(comic: Comic, rest: str = "") -> str:
    return f"/api/v1/comics/{comic.pk}/panels/{rest}"


@pytest.fixture
def client(as_user: Callable[..., APIClient], ann: User) -> APIClient:
    return as_user(ann)


@pytest.fixture
def comic(ann: User, make_comics: Callable[..., list[Any]]) -> Any:
    return make_comics(owner=ann)[0]


@pytest.fixture
def panels(comic: Any, add_panel: Callable[..., Any]) -> list[Any]:
    """Three panels with the numbers 1, 2 and 5."""
    return [add_panel(comic, number=number, caption=str(number)) for number in (1, 2, 5)]


def list_panels(client: APIClient, comic: Comic) -> list[Any]:
    results: list[Any] = client.get(url(comic)).json()["results"]
    return results


def order(client: APIClient, comic: Comic, panel_ids: Any) -> Any:
    return client.put(url(comic, "order/"), {"panels": panel_ids})


def picture_of(client: APIClient, panel: Any) -> bytes:
    response: Any = client.get(panel["image_url"])
    return b"".join(response.streaming_content)


def assert_consistent(comic: Comic) -> None:
    """Count, size and cover of a comic are those of its panels."""
    comic.refresh_from_db()
    with write_transaction(as_user=comic.owner_id):
        panels = list(Panel.objects.filter(comic=comic).select_related("image").order_by("number"))
    assert comic.panel_count == len(panels)
    assert comic.image_bytes == sum(panel.image.size_bytes for panel in panels)
    assert comic.cover == (panels[0].image if panels else None)


def test_a_panel_is_shown_as_in_the_list(
    api: APIClient, client: APIClient, comic: Any, panels: list[Any]
) -> None:
    for reader in (api, client):
        for shown, panel in zip(list_panels(reader, comic), panels, strict=True):
            response = reader.get(url(comic, f"{panel.pk}/"))
            assert response.json() == shown
            assert response["Cache-Control"] == "public, no-cache"
    assert api.get(url(comic, "0/")).status_code == 404
    assert api.get(url(comic, f"{10**30}/")).status_code == 404


def test_a_panel_of_another_comic_is_404(
    client: APIClient, ann: User, panels: list[Any], make_comics: Callable[..., list[Any]]
) -> None:
    (other,) = make_comics(owner=ann)
    where = url(other, f"{panels[0].pk}/")

    assert client.get(where).status_code == 404
    assert client.patch(where, {"caption": "x"}).status_code == 404
    assert client.delete(where).status_code == 404
    assert Panel.objects.count() == 3


def test_a_new_panel_has_a_location(
    client: APIClient, comic: Any, upload: Callable[..., Any], make_picture: Callable[..., bytes]
) -> None:
    response = client.post(url(comic), upload(make_picture()), format="multipart")

    assert client.get(response["Location"]).json() == response.json()


@pytest.mark.parametrize("kind", ["json", "multipart"])
def test_a_caption_is_changed_and_nothing_else(
    api: APIClient, client: APIClient, comic: Any, panels: list[Any], kind: str
) -> None:
    before = list_panels(api, comic)

    response = client.patch(url(comic, f"{panels[1].pk}/"), {"caption": "New"}, format=kind)

    assert response.status_code == 200, response.json()
    assert response.json() == before[1] | {"caption": "New"}
    assert list_panels(api, comic) == [before[0], response.json(), before[2]]
    assert api.get(url(comic, f"{panels[1].pk}/")).json() == response.json()
    assert_consistent(comic)


@pytest.mark.parametrize("at", [0, 1])
def test_a_replaced_picture_has_a_new_url_and_the_old_file_is_deleted(
    api: APIClient,
    client: APIClient,
    comic: Any,
    panels: list[Any],
    upload: Callable[..., Any],
    make_picture: Callable[..., bytes],
    at: int,
) -> None:
    old, data = list_panels(api, comic)[at], make_picture(30, 50)
    thumbnail = api.get(f"/api/v1/comics/{comic.pk}/").json()["thumbnail_url"]
    api.get(old["image_url"]).close()

    response = client.patch(url(comic, f"{panels[at].pk}/"), upload(data), format="multipart")

    assert response.status_code == 200, response.json()
    new = response.json()
    assert new["image_url"] != old["image_url"]
    assert (new["id"], new["number"], new["caption"]) == (old["id"], old["number"], old["caption"])
    assert (new["width"], new["height"]) == (30, 50)
    assert list_panels(api, comic)[at] == new
    assert picture_of(api, new) == data
    shown = api.get(new["image_url"])
    shown.close()
    assert "immutable" in shown["Cache-Control"]
    # No cache keeps the new picture under the old URL.
    again = api.get(old["image_url"])
    again.close()
    assert again["Cache-Control"] == "public, no-cache"
    now = api.get(f"/api/v1/comics/{comic.pk}/").json()["thumbnail_url"]
    assert (now != thumbnail) == (at == 0)
    image = panels[at].image
    assert not Image.objects.filter(pk=image.pk).exists()
    assert not image_path(image.digest, image.media_type).exists()
    assert_consistent(comic)


def test_a_picture_that_another_panel_shows_stays(
    client: APIClient,
    comic: Any,
    add_panel: Callable[..., Any],
    upload: Callable[..., Any],
    make_picture: Callable[..., bytes],
) -> None:
    shared = make_picture()
    first, second = add_panel(comic, shared), add_panel(comic, shared)

    client.patch(url(comic, f"{first.pk}/"), upload(make_picture()), format="multipart")
    assert image_path(first.image.digest, "image/png").exists()
    assert_consistent(comic)
    client.delete(url(comic, f"{second.pk}/"))
    assert not image_path(first.image.digest, "image/png").exists()
    assert_consistent(comic)


def test_the_same_picture_again_changes_nothing(
    client: APIClient,
    comic: Any,
    add_panel: Callable[..., Any],
    upload: Callable[..., Any],
    make_picture: Callable[..., bytes],
) -> None:
    data = make_picture()
    panel = add_panel(comic, data)
    (before,) = list_panels(client, comic)

    response = client.patch(url(comic, f"{panel.pk}/"), upload(data), format="multipart")

    assert response.json() == before
    assert picture_of(client, before) == data
    assert_consistent(comic)


@pytest.mark.parametrize(
    ("body", "kind", "status", "field"),
    [
        ({"image": "no file"}, "json", 400, "image"),
        ({"caption": None}, "json", 400, "caption"),
        ({"caption": "x" * 501}, "json", 400, "caption"),
        ({"image": "text"}, "multipart", 400, "image"),
    ],
)
def test_a_bad_change_is_refused(
    client: APIClient,
    comic: Any,
    panels: list[Any],
    body: dict[str, Any],
    kind: str,
    status: int,
    field: str,
) -> None:
    before = list_panels(client, comic)

    response = client.patch(url(comic, f"{panels[0].pk}/"), body, format=kind)

    assert response.status_code == status
    assert field in response.json()["errors"]
    assert list_panels(client, comic) == before


def test_a_picture_is_checked_as_a_new_one(
    client: APIClient,
    comic: Any,
    panels: list[Any],
    upload: Callable[..., Any],
    make_picture: Callable[..., bytes],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    where = url(comic, f"{panels[0].pk}/")

    def patch(data: bytes) -> Any:
        return client.patch(where, upload(data), format="multipart")

    assert "image" in patch(b"<svg/>").json()["errors"]
    settings.MORPHEUS_MAX_IMAGE_BYTES = 20_000
    for times in (1.1, 5):
        huge = make_picture().ljust(int(20_000 * times), b"\0")
        assert "MB" in patch(huge).json()["errors"]["image"][0]
    monkeypatch.setattr("morpheus.api.views.has_free_space", lambda: False)
    assert patch(make_picture()).status_code == 507
    assert client.delete(where).status_code == 204


def test_a_replacement_counts_what_it_adds_to_the_quota(
    client: APIClient,
    comic: Any,
    add_panel: Callable[..., Any],
    upload: Callable[..., Any],
    make_picture: Callable[..., bytes],
    settings: Settings,
) -> None:
    large, small = (make_picture(90, 90, compress_level=level) for level in (0, 9))
    assert len(small) < len(large)
    panel = add_panel(comic, large)
    settings.MORPHEUS_QUOTA_BYTES = len(small)

    def replace(data: bytes) -> Any:
        return client.patch(url(comic, f"{panel.pk}/"), upload(data), format="multipart")

    # The quota was lowered meanwhile: a smaller file is no addition.
    assert replace(small).status_code == 200
    assert replace(large).status_code == 403
    assert_consistent(comic)


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_deleted_panel_leaves_the_others_their_numbers(
    api: APIClient, client: APIClient, comic: Any, panels: list[Any], at: int
) -> None:
    before = list_panels(api, comic)
    shown = api.get(url(comic, f"{panels[at].pk}/"))
    api.get(before[at]["image_url"]).close()

    response = client.delete(url(comic, f"{panels[at].pk}/"))

    assert (shown.status_code, response.status_code) == (200, 204)
    assert list_panels(api, comic) == before[:at] + before[at + 1 :]
    assert api.get(url(comic, f"{panels[at].pk}/")).status_code == 404
    assert api.get(before[at]["image_url"]).status_code == 404
    assert api.get(f"/api/v1/comics/{comic.pk}/").json()["panel_count"] == 2
    image = panels[at].image
    assert not image_path(image.digest, image.media_type).exists()
    assert_consistent(comic)


def test_a_comic_whose_last_panel_is_deleted_has_no_cover(
    api: APIClient, client: APIClient, comic: Any, add_panel: Callable[..., Any]
) -> None:
    panel = add_panel(comic)
    assert api.get(f"/api/v1/comics/{comic.pk}/").json()["thumbnail_url"]

    client.delete(url(comic, f"{panel.pk}/"))

    assert api.get(f"/api/v1/comics/{comic.pk}/").json()["thumbnail_url"] is None
    assert_consistent(comic)


def test_an_order_numbers_all_panels_from_one(
    api: APIClient, client: APIClient, comic: Any, panels: list[Any]
) -> None:
    before = {panel["id"]: panel for panel in list_panels(api, comic)}
    pictures = {pk: picture_of(api, panel) for pk, panel in before.items()}
    thumbnail = api.get(f"/api/v1/comics/{comic.pk}/").json()["thumbnail_url"]
    ids = [panels[2].pk, panels[0].pk, panels[1].pk]

    response = order(client, comic, ids)

    assert (response.status_code, response.content) == (204, b"")
    after = list_panels(api, comic)
    assert [(panel["number"], panel["id"]) for panel in after] == [*enumerate(ids, 1)]
    for panel in after:
        assert picture_of(api, panel) == pictures[panel["id"]]
        assert api.get(url(comic, f"{panel['id']}/")).json() == panel
        assert panel["caption"] == before[panel["id"]]["caption"]
    assert api.get(f"/api/v1/comics/{comic.pk}/").json()["thumbnail_url"] != thumbnail
    assert_consistent(comic)


def test_the_order_that_is_there_only_closes_gaps(
    client: APIClient, comic: Any, panels: list[Any]
) -> None:
    ids = [panel.pk for panel in panels]

    assert order(client, comic, ids).status_code == 204
    assert [panel["number"] for panel in list_panels(client, comic)] == [1, 2, 3]
    comic.refresh_from_db()
    changed = comic.updated_at
    assert order(client, comic, ids).status_code == 204
    comic.refresh_from_db()
    assert comic.updated_at == changed


def test_an_order_of_other_panels_is_refused_whole(
    client: APIClient, comic: Any, panels: list[Any]
) -> None:
    before, ids = list_panels(client, comic), [panel.pk for panel in panels]

    for wrong, reason in (
        (ids[:2], f"missing: {ids[2]}"),
        ([*reversed(ids), 10**9], "not among them: 1000000000"),
        ([], f"missing: {ids[0]}, {ids[1]}, {ids[2]}"),
    ):
        response = order(client, comic, wrong)
        assert response.status_code == 409
        assert reason in response.json()["detail"]
    for malformed in (None, "1", [ids[0], ids[0], ids[1]], [0], [True], ["1"], [10**30], {"a": 1}):
        response = order(client, comic, malformed)
        assert response.status_code == 400, malformed
        assert "panels" in response.json()["errors"]
    assert client.put(url(comic, "order/"), {}).status_code == 400
    assert list_panels(client, comic) == before


def test_an_empty_comic_has_an_order(client: APIClient, comic: Any) -> None:
    assert order(client, comic, []).status_code == 204


def test_only_the_owner_changes_panels(
    api: APIClient,
    as_user: Callable[..., APIClient],
    make_user: Callable[..., User],
    ann: User,
    comic: Any,
    panels: list[Any],
) -> None:
    ben, ids = as_user(make_user("ben")), [panel.pk for panel in panels]
    where = url(comic, f"{ids[0]}/")
    before = list_panels(api, comic)

    def statuses(client: APIClient) -> set[int]:
        return {
            client.patch(where, {"caption": "Mine"}).status_code,
            client.patch(where, {}, format="multipart").status_code,
            client.delete(where).status_code,
            order(client, comic, ids[::-1]).status_code,
            order(client, comic, "malformed").status_code,
        }

    assert statuses(api) == {401}
    assert statuses(ben) == {403}
    assert list_panels(api, comic) == before
    as_user(ann).patch(f"/api/v1/comics/{comic.pk}/", {"visibility": "private"})
    assert statuses(ben) == {404}
    for reader, status in ((api, 404), (ben, 404), (as_user(ann), 200)):
        response = reader.get(where)
        assert response.status_code == status
        assert response["Cache-Control"] == "private, no-cache"
    assert as_user(ann).get(where).json() == before[0]


def test_row_level_security_alone_refuses_changes_of_others(
    make_user: Callable[..., User], comic: Any, panels: list[Any]
) -> None:
    """Without the owner's id the services test no owner: the policies remain."""
    ben = make_user("ben")
    changes: list[Callable[[], None]] = [
        lambda: panel_delete(comic_id=comic.pk, panel_id=panels[0].pk),
        lambda: panels_order(comic_id=comic.pk, panel_ids=[panel.pk for panel in panels[::-1]]),
    ]
    for change in changes:
        with write_transaction(as_user=ben.pk), pytest.raises(Comic.DoesNotExist):
            change()
    with write_transaction(as_user=ben.pk):
        assert Panel.objects.filter(comic=comic).update(caption="Mine") == 0
        assert Panel.objects.filter(comic=comic).delete()[0] == 0


def test_changes_at_once_lose_and_double_no_panel(
    comic: Any, panels: list[Any], make_picture: Callable[..., bytes]
) -> None:
    ids = [panel.pk for panel in panels]
    pictures = [store(make_picture()) for _ in range(3)]

    def as_owner(change: Callable[..., Any], **arguments: Any) -> Callable[[], Any]:
        def run() -> Any:
            with write_transaction(as_user=comic.owner_id):
                return change(comic_id=comic.pk, owner_id=comic.owner_id, **arguments)

        return run

    results = at_once(
        as_owner(panels_order, panel_ids=ids[::-1]),
        as_owner(panels_order, panel_ids=[ids[1], ids[2], ids[0]]),
        as_owner(panel_delete, panel_id=ids[1]),
        *(as_owner(panel_add, picture=picture) for picture in pictures),
    )

    errors = [result for result in results if isinstance(result, Exception)]
    assert all(isinstance(error, PanelsChanged) for error in errors), errors
    with write_transaction(as_user=comic.owner_id):
        left = dict(Panel.objects.filter(comic=comic).values_list("pk", "number"))
    added = {panel.pk for panel in results if isinstance(panel, Panel)}
    assert left.keys() == {ids[0], ids[2]} | added and len(added) == 3
    assert len(set(left.values())) == 5
    assert_consistent(comic)


def test_two_orders_at_once_leave_one_of_them(comic: Any, add_panel: Callable[..., Any]) -> None:
    ids = [add_panel(comic).pk for _ in range(8)]
    orders = [ids[::-1], ids[4:] + ids[:4], ids[1::2] + ids[::2]]

    def put(panel_ids: list[int]) -> Callable[[], None]:
        def run() -> None:
            with write_transaction(as_user=comic.owner_id):
                panels_order(comic_id=comic.pk, panel_ids=panel_ids, owner_id=comic.owner_id)

        return run

    for _ in range(3):
        assert at_once(*map(put, orders)) == [None] * 3
        left = Panel.objects.filter(comic=comic).order_by("number").values_list("pk", "number")
        assert [pk for pk, _ in left] in orders
        assert [number for _, number in left] == [*range(1, 9)]


def test_the_database_refuses_two_panels_of_one_number(comic: Any, panels: list[Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        with write_transaction(as_user=comic.owner_id):
            Panel.objects.filter(comic=comic).update(number=7)


@pytest.mark.parametrize(
    ("statement", "at"),
    [
        ("UPDATE comics_panel SET caption = 'By hand' WHERE number = 2", 1),
        ("UPDATE comics_panel SET number = 4 WHERE number = 2", 1),
        ("DELETE FROM comics_panel WHERE number = 2", 1),
        ("UPDATE comics_comic SET is_public = false", 0),
    ],
)
def test_a_write_by_psql_is_in_the_next_read_of_a_panel(
    api: APIClient,
    comic: Any,
    panels: list[Any],
    by_psql: Callable[..., None],
    statement: str,
    at: int,
) -> None:
    where = url(comic, f"{panels[at].pk}/")
    before = api.get(where).json()

    by_psql(statement)

    assert api.get(where).json() != before


def test_a_panel_costs_one_query_and_none_while_it_is_cached(
    api: APIClient, comic: Any, panels: list[Any]
) -> None:
    counts = []
    for _ in range(2):
        with counted_queries() as seen:
            api.get(url(comic, f"{panels[0].pk}/"))
        counts.append(len(seen.sql))

    assert counts == [1, 0]
    assert_shape_is_kept(SHAPES, PANEL, f"{comic.pk}:{panels[0].pk}")


def test_changes_cost_the_same_however_many_panels_there_are(
    client: APIClient,
    comic: Any,
    add_panel: Callable[..., Any],
    assert_flat_queries: Callable[..., None],
) -> None:
    ids = [add_panel(comic).pk for _ in range(12)]

    def grow() -> None:
        ids.extend(add_panel(comic).pk for _ in range(10))

    def reorder() -> Any:
        ids.reverse()
        return order(client, comic, ids)

    assert_flat_queries(reorder, grow, budget=10)
    assert_flat_queries(
        lambda: client.patch(url(comic, f"{ids[0]}/"), {"caption": "x"}), grow, budget=10
    )
    assert_flat_queries(lambda: client.delete(url(comic, f"{ids.pop(0)}/")), grow, budget=12)
