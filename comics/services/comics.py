"""Create, change and delete comics, and add their panels.

`owner_id` is the owner of a comic that exists; None is staff, whose identity may change every one.
Without such a comic, or the right to change it, a change raises `Comic.DoesNotExist`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from comics.images.decoding import Picture
from comics.images.files import picture_file_write
from comics.models import Comic, Panel
from comics.services.images import image_row_hold, images_delete_unused
from morpheus.api.domain_errors import DomainError
from morpheus.db.compiled_reads import CompiledRead
from morpheus.db.write_pipeline import with_next_statement
from novels.models import Novel
from users.models import belonging_to
from users.querysets import LockingRead
from users.quotas import quota_require

# Of one comic; a daily strip of some decades has about ten thousand panels.
PANEL_NUMBER_MAX = 100_000

_LOCKED = LockingRead(Comic)
_NUMBERS = CompiledRead(
    *(int, int), build=lambda comic_id, number: Panel.objects.numbers(comic_id, number)
)


class NovelNotFound(DomainError):
    """There is no such novel, or the comic's owner cannot see it."""

    field = "novel"
    code = "does_not_exist"

    def __init__(self) -> None:
        super().__init__("There is no such novel, or you cannot see it.")


class PanelExists(DomainError):
    """The comic has a panel of this number."""

    status = HTTPStatus.CONFLICT
    code = "panel_exists"


class PanelNumberTooLarge(DomainError):
    """The number is above `PANEL_NUMBER_MAX`, perhaps because the comic is full."""

    field = "number"
    code = "max_value"


def comic_create(
    *, owner_id: int, title: str, novel_id: int | None = None, is_public: bool = False
) -> Comic:
    """Create a comic without panels; its novel has id and title.

    Raises:
        NovelNotFound: There is no such novel, or the owner cannot see it.
    """
    with _visible_novel(), transaction.atomic(savepoint=False):
        novel = _novel_require(novel_id, owner_id)
        comic = Comic(owner_id=owner_id, title=title, novel=novel, is_public=is_public)
        comic.save(force_insert=True)
    return comic


def comic_update(*, comic_id: int, owner_id: int | None = None, **changes: Any) -> None:
    """Set any of `title`, `novel_id` and `is_public`.

    Raises:
        NovelNotFound: There is no such novel, or the owner cannot see it.
    """
    with _visible_novel(), transaction.atomic(savepoint=False):
        comic: Comic = _LOCKED.get(comic_id, owner_id)
        _novel_require(changes.get("novel_id"), comic.owner_id)
        for name, value in changes.items():
            setattr(comic, name, value)
        comic.save(update_fields=[*changes, "updated_at"])


def comic_delete(*, comic_id: int, owner_id: int | None = None) -> None:
    """Delete a comic with its panels; after the commit, delete images that no panel shows."""
    with transaction.atomic(savepoint=False):
        # The lock keeps out new panels, whose images would stay behind.
        comic: Comic = _LOCKED.get(comic_id, owner_id)
        image_ids = list(comic.panels.order_by().values_list("image_id", flat=True).distinct())
        Comic.objects.filter(pk=comic.pk).delete()

        def delete_images() -> None:
            images_delete_unused(image_ids=image_ids)

        # An error there is logged: the comic is deleted, whatever happens to its files. Django logs
        # the error of a function alone, not of a partial.
        transaction.on_commit(delete_images, robust=True)


def comic_set_visibility(*, comic_ids: list[int], is_public: bool) -> int:
    """Publish or withdraw comics; return how many of them the user may change."""
    with transaction.atomic(savepoint=False):
        rows = Comic.objects.of_ids(comic_ids).order_by("pk")
        locked = list(rows.select_for_update(no_key=True).values_list("pk", flat=True))
        return Comic.objects.of_ids(locked).update(is_public=is_public, updated_at=timezone.now())


def panel_add(
    *,
    comic_id: int,
    picture: Picture,
    caption: str = "",
    number: int | None = None,
    owner_id: int | None = None,
    generation: str = "",
) -> Panel:
    """Add a panel; without a number it becomes the last one.

    The comic is locked, so concurrent requests get distinct numbers and all panels are counted.
    The image's file exists before its row is visible.

    Args:
        generation: From `picture_stored`; empty if the file is still to be stored.

    Raises:
        PanelExists: The comic has a panel of this number.
        PanelNumberTooLarge: The number is too large, or the comic is full.
        QuotaExceeded: The image would exceed the owner's quota.
    """
    with transaction.atomic(savepoint=False):
        comic: Comic = _LOCKED.get(comic_id, owner_id)
        # No panel has the number 0.
        [[first, last, is_taken]] = _NUMBERS.rows(comic_id, number or 0)
        if number is None:
            number = (last or 0) + 1
        if number > PANEL_NUMBER_MAX:
            raise PanelNumberTooLarge(f"At most {PANEL_NUMBER_MAX} is possible.")
        if is_taken:
            raise PanelExists(f"This comic has a panel {number} already.")
        size_bytes = len(picture.data)
        quota_require(owner_id=comic.owner_id, size_bytes=size_bytes)
        image = image_row_hold(picture, generation)
        if not generation:
            picture_file_write(picture)
        is_first = first is None or number < first
        with with_next_statement():
            Comic.objects.filter(pk=comic_id).update(
                panel_count=comic.panel_count + 1,
                image_bytes=comic.image_bytes + size_bytes,
                cover_id=image.pk if is_first else comic.cover_id,
                updated_at=timezone.now(),
            )
        return Panel.objects.create(
            comic=comic, number=number, caption=caption, image=image, **belonging_to(comic)
        )


def _novel_require(novel_id: int | None, reader_id: int) -> Novel | None:
    """Return the novel with id and title, if the reader can see it."""
    if novel_id is None:
        return None
    novels = Novel.objects.visible_to(reader_id).filter(pk=novel_id)
    novel: Novel | None = novels.only("id", "title").first()
    if novel is None:
        raise NovelNotFound
    return novel


@contextmanager
def _visible_novel() -> Iterator[None]:
    """Translate the violation of a constraint: the novel was deleted after it was read."""
    try:
        yield
    except IntegrityError as error:
        raise NovelNotFound from error
