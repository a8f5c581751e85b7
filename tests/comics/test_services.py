"""Writers that race, and images that nothing shows any more."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction
from rest_framework.test import APIClient

from comics.images.decoding import picture_read
from comics.models import Comic, Image, Panel, Rendition
from comics.services.comics import comic_delete
from comics.services.images import image_row_hold, images_delete_unused, rendition_create
from comics.services.panels import PanelExists, panel_add
from morpheus.db.transactions import write_transaction
from tests.comics.picture_files import image_path, rendition_path

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Run calls in threads that start together; return their results, or their errors."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        try:
            barrier.wait(10)
            return call()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def panel_adder(comic: Comic, data: bytes, **fields: Any) -> Callable[[], Panel]:
    picture = picture_read(data)

    def add() -> Panel:
        with write_transaction(as_user=comic.owner_id):
            return panel_add(comic_id=comic.pk, picture=picture, **fields)

    return add


def comic_deleter(comic: Comic) -> Callable[[], None]:
    def delete() -> None:
        with write_transaction(as_user=comic.owner_id):
            comic_delete(comic_id=comic.pk)

    return delete


def files_of(image: Image) -> list[bool]:
    return [
        image_path(image.digest, image.media_type).exists(),
        rendition_path(image.digest, "medium").exists(),
    ]


def test_panels_added_at_once_get_distinct_numbers_and_are_all_counted(
    make_comics: Callable[..., list[Any]], make_picture: Callable[..., bytes]
) -> None:
    (comic,) = make_comics()

    panels = at_once(*(panel_adder(comic, make_picture()) for _ in range(6)))

    assert sorted(panel.number for panel in panels) == [1, 2, 3, 4, 5, 6]
    comic.refresh_from_db()
    assert comic.panel_count == 6
    assert comic.cover == Panel.objects.get(comic=comic, number=1).image


def test_the_second_of_two_panels_with_one_number_is_refused(
    make_comics: Callable[..., list[Any]], make_picture: Callable[..., bytes]
) -> None:
    (comic,) = make_comics()

    results = at_once(*(panel_adder(comic, make_picture(), number=3) for _ in range(2)))

    refused = [result for result in results if isinstance(result, PanelExists)]
    assert len(refused) == 1
    comic.refresh_from_db()
    assert comic.panel_count == Panel.objects.count() == 1


def test_one_picture_added_by_many_at_once_is_one_row(
    make_comics: Callable[..., list[Any]], make_picture: Callable[..., bytes]
) -> None:
    data = make_picture()

    panels = at_once(*(panel_adder(comic, data) for comic in make_comics(5)))

    assert len({panel.image_id for panel in panels}) == Image.objects.count() == 1


def test_a_thumbnail_requested_many_times_at_once_is_one_row(
    api: APIClient, make_comics: Callable[..., list[Any]], add_panel: Callable[..., Any]
) -> None:
    (comic,) = make_comics()
    image = add_panel(comic).image

    def ask() -> Any:
        response = type(api)().get(f"/api/v1/comics/{comic.pk}/thumbnail/")
        assert response.status_code == 200
        return response.content

    responses = at_once(*(ask for _ in range(5)))

    assert len(set(responses)) == 1
    assert isinstance(responses[0], bytes)
    assert Rendition.objects.get().image == image


def test_deleting_a_comic_deletes_pictures_that_no_other_comic_shows(
    make_comics: Callable[..., list[Any]],
    add_panel: Callable[..., Any],
    make_picture: Callable[..., bytes],
) -> None:
    comic, private = make_comics()[0], make_comics(is_public=False)[0]
    other = make_comics()[0]
    data = [make_picture() for _ in range(3)]
    own, shared, hidden = (add_panel(comic, each).image for each in data)
    add_panel(other, data[1])
    add_panel(private, data[2])
    for image in (own, shared, hidden):
        rendition_create(
            image_id=image.pk, digest=image.digest, media_type=image.media_type, size="medium"
        )

    comic_deleter(comic)()

    assert set(Image.objects.all()) == {shared, hidden}
    assert Rendition.objects.count() == 2
    assert [files_of(image) for image in (own, shared, hidden)] == [
        [False, False],
        [True, True],
        [True, True],
    ]


def test_a_deletion_that_is_rolled_back_keeps_everything(
    make_comics: Callable[..., list[Any]], add_panel: Callable[..., Any]
) -> None:
    (comic,) = make_comics()
    image = add_panel(comic).image

    with write_transaction(as_user=comic.owner_id), transaction.atomic():
        comic_delete(comic_id=comic.pk)
        transaction.set_rollback(True)

    assert Comic.objects.filter(pk=comic.pk).exists()
    assert files_of(image)[0]


@pytest.mark.parametrize("attempt", range(8))
def test_a_picture_that_is_deleted_and_added_at_once_is_there_afterwards(
    make_comics: Callable[..., list[Any]],
    add_panel: Callable[..., Any],
    make_picture: Callable[..., bytes],
    attempt: Any,
) -> None:
    old, new = make_comics(2)
    data = make_picture()
    add_panel(old, data)

    panel, deleted = at_once(panel_adder(new, data), comic_deleter(old))

    assert deleted is None
    image = Image.objects.get()
    assert Panel.objects.get() == panel
    assert panel.image_id == image.pk
    assert image_path(image.digest, image.media_type).read_bytes() == data


def test_an_upload_waits_for_the_deletion_of_the_same_picture(
    make_comics: Callable[..., list[Any]],
    add_panel: Callable[..., Any],
    make_picture: Callable[..., bytes],
) -> None:
    """The row is locked while its file is unlinked: the upload finds it gone and writes it."""
    old, new = make_comics(2)
    data = make_picture()
    image = add_panel(old, data).image
    unlinked, goes_on = threading.Event(), threading.Event()

    def delete_slowly() -> None:
        with write_transaction(as_user=old.owner_id):
            Comic.objects.filter(pk=old.pk).delete()
        with transaction.atomic():
            images_delete_unused(image_ids=[image.pk])
            unlinked.set()
            assert goes_on.wait(10)

    def add_meanwhile() -> Panel:
        assert unlinked.wait(10)
        # It cannot finish before the deletion does; that one is let go shortly after.
        threading.Timer(0.2, goes_on.set).start()
        return panel_adder(new, data)()

    deleted, panel = at_once(delete_slowly, add_meanwhile)

    assert deleted is None
    assert panel.image_id == Image.objects.get().pk
    assert image_path(image.digest, image.media_type).read_bytes() == data


def test_a_deletion_waits_for_an_upload_of_the_same_picture(
    make_comics: Callable[..., list[Any]], make_picture: Callable[..., bytes]
) -> None:
    """A row that an uncommitted panel shows is not deleted."""
    (new,) = make_comics()
    data = make_picture()
    added, goes_on = threading.Event(), threading.Event()
    stored: list[int] = []

    def add_slowly() -> Panel:
        with write_transaction(as_user=new.owner_id):
            panel = panel_add(comic_id=new.pk, picture=picture_read(data))
            stored.append(panel.image_id)
            added.set()
            assert goes_on.wait(10)
        return panel

    # The row is there before, shown by nothing.
    with transaction.atomic():
        image_row_hold(picture_read(data))

    def delete_meanwhile() -> int:
        assert added.wait(10)
        threading.Timer(0.2, goes_on.set).start()
        return images_delete_unused(image_ids=stored)

    panel, deleted = at_once(add_slowly, delete_meanwhile)

    assert deleted == 0
    image = Image.objects.get(pk=panel.image_id)
    assert image_path(image.digest, image.media_type).read_bytes() == data


def test_a_panel_cannot_join_a_comic_that_is_being_deleted(
    make_comics: Callable[..., list[Any]], make_picture: Callable[..., bytes]
) -> None:
    (comic,) = make_comics()

    panel, deleted = at_once(panel_adder(comic, make_picture()), comic_deleter(comic))

    assert deleted is None
    assert isinstance(panel, Panel | Comic.DoesNotExist)
    assert not Panel.objects.exists()
    assert not Image.objects.exists()
