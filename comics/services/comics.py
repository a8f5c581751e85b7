"""Making, changing and deleting comics."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework.exceptions import ValidationError

from comics.models import Comic
from comics.services.images import images_delete_unused
from morpheus.db.expressions import AnyOf
from novels.models import Novel


def comic_create(
    *, owner_id: int, title: str, novel_id: int | None = None, is_public: bool = False
) -> Comic:
    """Make a comic without panels.

    Raises:
        ValidationError: There is no such novel, or its owner does not show it to this one.
    """
    _novel_require(novel_id, owner_id)
    comic = Comic(owner_id=owner_id, title=title, novel_id=novel_id, is_public=is_public)
    try:
        with transaction.atomic(savepoint=False):
            comic.save(force_insert=True)
    except IntegrityError as error:
        raise _no_such_novel() from error  # It was deleted a moment ago.
    return comic


def comic_update(*, comic_id: int, **changes: Any) -> None:
    """Set any of `title`, `novel_id` and `is_public`.

    Raises:
        Comic.DoesNotExist: No such comic, or the caller may not change it.
        ValidationError: There is no such novel, or its owner does not show it.
    """
    try:
        with transaction.atomic(savepoint=False):
            comic = _locked(comic_id)
            _novel_require(changes.get("novel_id"), comic.owner_id)
            for name, value in changes.items():
                setattr(comic, name, value)
            comic.save(update_fields=[*changes, "updated_at"])
    except IntegrityError as error:
        raise _no_such_novel() from error


def comic_delete(*, comic_id: int) -> None:
    """Delete a comic with its panels; then, after the commit, the images that nothing shows now.

    Raises:
        Comic.DoesNotExist: No such comic, or the caller may not change it.
    """
    with transaction.atomic(savepoint=False):
        # The lock keeps new panels out, so that no image of theirs is forgotten.
        comic = _locked(comic_id)
        image_ids = list(comic.panels.order_by().values_list("image_id", flat=True).distinct())
        Comic.objects.filter(pk=comic.pk).delete()
        # What fails there is logged: the comic is gone, whatever becomes of its files.
        transaction.on_commit(partial(images_delete_unused, image_ids=image_ids), robust=True)


def comic_set_visibility(*, comic_ids: list[int], is_public: bool) -> int:
    """Publish or unpublish comics; return how many there were that the caller may change."""
    with transaction.atomic(savepoint=False):
        rows = Comic.objects.filter(AnyOf("pk", comic_ids)).order_by("pk")
        locked = list(rows.select_for_update(no_key=True).values_list("pk", flat=True))
        return Comic.objects.filter(AnyOf("pk", locked)).update(
            is_public=is_public, updated_at=timezone.now()
        )


def _locked(comic_id: int) -> Comic:
    return Comic.objects.select_for_update(of=("self",), no_key=True).get(pk=comic_id)


def _novel_require(novel_id: int | None, reader_id: int) -> None:
    if novel_id is not None:
        if not Novel.objects.visible_to(reader_id).filter(pk=novel_id).exists():
            raise _no_such_novel()


def _no_such_novel() -> ValidationError:
    return ValidationError({"novel": ["There is no such novel, or it is not yours to see."]})
