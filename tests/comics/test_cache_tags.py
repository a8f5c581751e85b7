"""Which tags each kind of write to comics and pictures touches: these and no others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from comics.models import Comic, Image, Panel, Rendition
from comics.services.comics import comic_create, comic_delete, comic_set_visibility, comic_update
from comics.services.images import rendition_create
from morpheus.db.transactions import write_transaction
from novels.services.novels import novel_delete
from tests.conftest import as_staff, collect_tags

pytestmark = pytest.mark.django_db


def own(comic: Any) -> set[Any]:
    return {f"comic:{comic.pk}", f"owner:{comic.owner_id}/comics"}


def access(comic: Any) -> Any:
    """Return the tag of the readers that may see the comic."""
    return own(comic) | {f"comic:{comic.pk}/access", f"comic:{comic.pk}/cover"}


def lists(comic: Any, suffix: str = "") -> set[Any]:
    """The public lists that a comic is in."""
    names = ["all", f"owner:{comic.owner_id}"]
    if comic.novel_id:
        names.append(f"novel:{comic.novel_id}")
    return {f"comics:{name}{suffix}" for name in names}


@pytest.fixture
def comic(make_comics: Callable[..., list[Any]], make_novels: Callable[..., list[Any]]) -> Any:
    return make_comics(novel=make_novels()[0])[0]


@pytest.mark.parametrize("is_public", [True, False])
def test_a_new_comic_touches_the_lists_that_it_is_in(
    make_user: Callable[..., Any], is_public: bool
) -> None:
    owner = make_user()

    with collect_tags() as tags, write_transaction(as_user=owner.pk):
        comic = comic_create(owner_id=owner.pk, title="New", is_public=is_public)

    assert tags == access(comic) | (lists(comic) if is_public else set())


def test_a_new_title_touches_the_orderings_by_title(comic: Any) -> None:
    with collect_tags() as tags, write_transaction(as_user=comic.owner_id):
        comic_update(comic_id=comic.pk, title="New")

    assert tags == own(comic) | lists(comic, "/title")


@pytest.mark.parametrize("is_public", [True, False])
def test_publishing_and_withdrawing_touch_the_lists(
    make_comics: Callable[..., list[Any]], is_public: bool
) -> None:
    comic = make_comics(is_public=not is_public)[0]

    with collect_tags() as tags, write_transaction(as_user=comic.owner_id):
        comic_set_visibility(comic_ids=[comic.pk], is_public=is_public)

    assert tags == access(comic) | lists(comic)


def test_a_private_comic_is_in_no_list(make_comics: Callable[..., list[Any]]) -> None:
    comic = make_comics(is_public=False)[0]

    with collect_tags() as tags, write_transaction(as_user=comic.owner_id):
        Comic.objects.filter(pk=comic.pk).update(title="New")

    assert tags == own(comic)


def test_another_novel_touches_the_lists_of_both(
    comic: Any, make_novels: Callable[..., list[Any]]
) -> None:
    novel = make_novels()[0]
    before = lists(comic)

    with collect_tags() as tags, write_transaction(as_user=comic.owner_id):
        Comic.objects.filter(pk=comic.pk).update(novel=novel)

    assert tags == own(comic) | before | {f"comics:novel:{novel.pk}"}


def test_a_deleted_novel_touches_its_comics(comic: Any) -> None:
    """The foreign key sets their novel to nothing, past whatever the novel's owner may see."""
    novel = comic.novel

    with collect_tags() as tags, write_transaction(as_user=novel.owner_id):
        novel_delete(novel_id=novel.pk)

    assert {f"novel:{novel.pk}", f"owner:{novel.owner_id}/novels"} | own(comic) | lists(
        comic
    ) <= tags


def test_a_new_panel_touches_comic_and_panels(comic: Any, add_panel: Callable[..., Any]) -> None:
    with collect_tags() as tags:
        add_panel(comic)

    # The first one is its cover.
    assert tags == own(comic) | {f"panels:{comic.pk}", f"comic:{comic.pk}/cover"}

    with collect_tags() as tags:
        add_panel(comic)

    assert tags == own(comic) | {f"panels:{comic.pk}"}


def test_a_caption_touches_the_panels_unless_it_stays_the_same(
    comic: Any, add_panel: Callable[..., Any]
) -> None:
    add_panel(comic, caption="Old")

    for caption, expected in (("Old", set()), ("New", {f"panels:{comic.pk}"})):
        with collect_tags() as tags, write_transaction(as_user=comic.owner_id):
            Panel.objects.filter(comic=comic).update(caption=caption)
        assert tags == expected


def test_a_deleted_comic_touches_its_panels(comic: Any, add_panel: Callable[..., Any]) -> None:
    add_panel(comic)

    with collect_tags() as tags, write_transaction(as_user=comic.owner_id):
        comic_delete(comic_id=comic.pk)

    assert tags == access(comic) | lists(comic) | {f"panels:{comic.pk}"}


def test_a_thumbnail_made_at_its_first_use_touches_nothing(
    comic: Any, add_panel: Callable[..., Any]
) -> None:
    image = add_panel(comic).image

    with collect_tags() as tags:
        rendition_create(
            image_id=image.pk, digest=image.digest, media_type=image.media_type, size="small"
        )
    assert tags == set()

    with collect_tags() as tags:
        Rendition.objects.update(digest="0" * 64)
    assert tags == {f"comic:{comic.pk}", f"comic:{comic.pk}/cover"}
    with collect_tags() as tags:
        Rendition.objects.all().delete()
    assert tags == {f"comic:{comic.pk}", f"comic:{comic.pk}/cover"}


def test_an_image_that_is_corrected_by_hand_touches_everything(
    comic: Any, add_panel: Callable[..., Any]
) -> None:
    image = add_panel(comic).image

    for fields, expected in (({"size_bytes": 7}, set()), ({"width": 7}, {"all"})):
        with collect_tags() as tags:
            Image.objects.filter(pk=image.pk).update(**fields)
        assert tags == expected


def test_panels_of_many_comics_touch_each(
    make_comics: Callable[..., list[Any]], add_panel: Callable[..., Any]
) -> None:
    comics = make_comics(3)
    for comic in comics:
        add_panel(comic)

    with collect_tags() as tags, as_staff():
        Panel.objects.update(caption="New")

    assert tags == {f"panels:{comic.pk}" for comic in comics}
