"""Create, change and delete comics.

`owner_id` is the owner of a comic that exists; None is staff, whose identity may change every one.
Without such a comic, or the right to change it, a change raises `Comic.DoesNotExist`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from comics.models import Comic, Panel
from comics.querysets import ComicQuerySet
from comics.services.images import images_delete_after_commit
from morpheus.api.domain_errors import DomainError
from morpheus.db.compiled_reads import AnyOf
from novels.models import Novel
from users.querysets import LockingRead

LOCKED_COMIC = LockingRead(Comic)


class NovelNotFound(DomainError):
    """There is no such novel, or the comic's owner cannot see it."""

    field = "novel"
    code = "does_not_exist"

    def __init__(self) -> None:
        super().__init__("There is no such novel, or you cannot see it.")


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
        comic: Comic = LOCKED_COMIC.get(comic_id, owner_id)
        _novel_require(changes.get("novel_id"), comic.owner_id)
        for name, value in changes.items():
            setattr(comic, name, value)
        comic.save(update_fields=[*changes, "updated_at"])


def comic_delete(*, comic_id: int, owner_id: int | None = None) -> None:
    """Delete a comic with its panels; after the commit, delete images that no panel shows."""
    with transaction.atomic(savepoint=False):
        # The lock keeps out new panels, whose images would stay behind.
        comic: Comic = LOCKED_COMIC.get(comic_id, owner_id)
        _delete_locked([comic.pk])


def own_comics_delete(*, comic_ids: list[int], owner_id: int) -> set[int]:
    """Delete those of the comics that are the owner's, as `comic_delete`; return their ids."""
    with transaction.atomic(savepoint=False):
        locked = _lock(Comic.objects.owned_by(owner_id).of_ids(comic_ids))
        if locked:
            _delete_locked(locked)
    return {*locked}


def comic_set_visibility(*, comic_ids: list[int], is_public: bool) -> int:
    """Publish or withdraw comics; return how many of them the user may change."""
    with transaction.atomic(savepoint=False):
        return len(_set_visibility(Comic.objects.of_ids(comic_ids), is_public))


def own_comics_set_visibility(*, comic_ids: list[int], owner_id: int, is_public: bool) -> set[int]:
    """Publish or withdraw those of the comics that are the owner's; return their ids."""
    with transaction.atomic(savepoint=False):
        own = Comic.objects.owned_by(owner_id).of_ids(comic_ids)
        return {*_set_visibility(own, is_public)}


def _set_visibility(rows: ComicQuerySet, is_public: bool) -> list[int]:
    locked = _lock(rows)
    if locked:
        columns = {"is_public": is_public, "updated_at": timezone.now()}
        Comic.objects.of_ids(locked).update(**columns)
    return locked


def _lock(rows: ComicQuerySet) -> list[int]:
    """Lock rows in the order of their keys; return the keys."""
    in_order = rows.order_by("pk").select_for_update(no_key=True)
    return [*in_order.values_list("pk", flat=True)]


def _delete_locked(comic_ids: list[int]) -> None:
    panels = Panel.objects.filter(AnyOf("comic_id", comic_ids)).order_by()
    image_ids = list(panels.values_list("image_id", flat=True).distinct())
    Comic.objects.of_ids(comic_ids).delete()
    images_delete_after_commit(image_ids)


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
