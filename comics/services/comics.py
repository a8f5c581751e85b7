"""Create, change and delete comics."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from comics.models import Comic
from comics.services.images import images_delete_unused
from morpheus.api.domain_errors import DomainError
from morpheus.db.expressions import AnyOf
from novels.models import Novel


class NovelNotFound(DomainError):
    """There is no such novel, or the comic's owner cannot see it."""

    field = "novel"

    def __init__(self) -> None:
        super().__init__("There is no such novel, or you cannot see it.")


def comic_create(
    *, owner_id: int, title: str, novel_id: int | None = None, is_public: bool = False
) -> Comic:
    """Create a comic without panels.

    Raises:
        NovelNotFound: There is no such novel, or the owner cannot see it.
    """
    comic = Comic(owner_id=owner_id, title=title, novel_id=novel_id, is_public=is_public)
    with _visible_novel(), transaction.atomic(savepoint=False):
        _novel_require(novel_id, owner_id)
        comic.save(force_insert=True)
    return comic


def comic_update(*, comic_id: int, **changes: Any) -> None:
    """Set any of `title`, `novel_id` and `is_public`.

    Raises:
        Comic.DoesNotExist: There is no such comic, or the user may not change it.
        NovelNotFound: There is no such novel, or the owner cannot see it.
    """
    with _visible_novel(), transaction.atomic(savepoint=False):
        comic = _lock(comic_id)
        _novel_require(changes.get("novel_id"), comic.owner_id)
        for name, value in changes.items():
            setattr(comic, name, value)
        comic.save(update_fields=[*changes, "updated_at"])


def comic_delete(*, comic_id: int) -> None:
    """Delete a comic with its panels; after the commit, delete images that no panel shows.

    Raises:
        Comic.DoesNotExist: There is no such comic, or the user may not change it.
    """
    with transaction.atomic(savepoint=False):
        # The lock keeps out new panels, whose images would stay behind.
        comic = _lock(comic_id)
        image_ids = list(comic.panels.order_by().values_list("image_id", flat=True).distinct())
        Comic.objects.filter(pk=comic.pk).delete()
        # An error there is logged: the comic is deleted, whatever happens to its files.
        transaction.on_commit(partial(images_delete_unused, image_ids=image_ids), robust=True)


def comic_set_visibility(*, comic_ids: list[int], is_public: bool) -> int:
    """Publish or withdraw comics; return how many of them the user may change."""
    with transaction.atomic(savepoint=False):
        rows = Comic.objects.filter(AnyOf("pk", comic_ids)).order_by("pk")
        locked = list(rows.select_for_update(no_key=True).values_list("pk", flat=True))
        return Comic.objects.filter(AnyOf("pk", locked)).update(
            is_public=is_public, updated_at=timezone.now()
        )


def _lock(comic_id: int) -> Comic:
    comic: Comic = Comic.objects.select_for_update(of=("self",), no_key=True).get(pk=comic_id)
    return comic


def _novel_require(novel_id: int | None, reader_id: int) -> None:
    if novel_id is not None:
        if not Novel.objects.visible_to(reader_id).filter(pk=novel_id).exists():
            raise NovelNotFound


@contextmanager
def _visible_novel() -> Iterator[None]:
    """Translate the violation of a constraint: the novel was deleted after it was read."""
    try:
        yield
    except IntegrityError as error:
        raise NovelNotFound from error
