"""Add, change, order and delete the panels of a comic.

Each change locks the comic first, so the changes of one comic happen one after the other, and its
count, size and cover are those of its panels. `owner_id` is as in `comics.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from http import HTTPStatus
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from comics.images.decoding import Picture
from comics.images.files import picture_file_write
from comics.models import Comic, Image, Panel
from comics.services.comics import LOCKED_COMIC
from comics.services.images import image_row_hold, images_delete_after_commit
from morpheus.api.domain_errors import DomainError
from morpheus.db.compiled_reads import CompiledRead
from morpheus.db.write_pipeline import with_next_statement
from users.models import belonging_to
from users.quotas import quota_require

# Of one comic; a daily strip of some decades has about ten thousand panels.
PANEL_NUMBER_MAX = 100_000

# Ids in the message of a refusal.
_NAMED_MAX = 5
# Above each number: panels that move stay there until all have left their places, because
# PostgreSQL checks the unique index after each row.
_ASIDE = 1_000_000_000

_NUMBERS = CompiledRead(
    *(int, int), build=lambda comic_id, number: Panel.objects.numbers(comic_id, number)
)
_COVERS = CompiledRead(int, build=lambda comic_id: Panel.objects.first_image(comic_id))


class PanelExists(DomainError):
    """The comic has a panel of this number."""

    status = HTTPStatus.CONFLICT
    code = "panel_exists"


class PanelNumberTooLarge(DomainError):
    """The number is above `PANEL_NUMBER_MAX`, perhaps because the comic is full."""

    field = "number"
    code = "max_value"


class PanelsChanged(DomainError):
    """The ids are not those of the comic's panels now."""

    status = HTTPStatus.CONFLICT
    code = "panels_changed"

    def __init__(self, missing: Collection[int], unknown: Collection[int]) -> None:
        named = [_name_ids("missing", missing), _name_ids("not among them", unknown)]
        super().__init__(
            f"These are not the comic's panels now: {'; '.join(filter(None, named))}. "
            "Read the panels again."
        )


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

    The image's file exists before its row is visible.

    Args:
        generation: From `picture_stored`; empty if the file is still to be stored.

    Raises:
        PanelExists: The comic has a panel of this number.
        PanelNumberTooLarge: The number is too large, or the comic is full.
        QuotaExceeded: The image would exceed the owner's quota.
    """
    with transaction.atomic(savepoint=False):
        comic: Comic = LOCKED_COMIC.get(comic_id, owner_id)
        # No panel has the number 0.
        [[first, last, is_taken]] = _NUMBERS.rows(comic_id, number or 0)
        if number is None:
            number = (last or 0) + 1
        if number > PANEL_NUMBER_MAX:
            raise PanelNumberTooLarge(f"At most {PANEL_NUMBER_MAX} is possible.")
        if is_taken:
            raise PanelExists(f"This comic has a panel {number} already.")
        image = _image_hold(comic, picture, generation)
        is_first = first is None or number < first
        with with_next_statement():
            _comic_change(
                comic,
                panel_count=comic.panel_count + 1,
                image_bytes=comic.image_bytes + image.size_bytes,
                cover_id=image.pk if is_first else comic.cover_id,
            )
        return Panel.objects.create(
            comic=comic, number=number, caption=caption, image=image, **belonging_to(comic)
        )


def panel_update(
    *,
    comic_id: int,
    panel_id: int,
    caption: str | None = None,
    picture: Picture | None = None,
    owner_id: int | None = None,
    generation: str = "",
) -> Panel:
    """Set the caption, replace the picture, or both; return the panel with its image.

    An image that no panel shows any more is deleted after the commit.

    Args:
        generation: As for `panel_add`.

    Raises:
        Panel.DoesNotExist: The comic has no such panel.
        QuotaExceeded: The image would exceed the owner's quota.
    """
    with transaction.atomic(savepoint=False):
        comic: Comic = LOCKED_COMIC.get(comic_id, owner_id)
        panel = _panel_get(comic_id, panel_id)
        replaced = panel.image
        if caption is not None:
            panel.caption = caption
        if picture is not None:
            panel.image = _image_hold(comic, picture, generation, replaced.size_bytes)
        panel.save(update_fields=["caption", "image"])
        changes: dict[str, Any] = {}
        if panel.image_id != replaced.pk:
            added = panel.image.size_bytes - replaced.size_bytes
            changes = {"image_bytes": comic.image_bytes + added, "cover_id": _cover_id(comic_id)}
            images_delete_after_commit([replaced.pk])
        _comic_change(comic, **changes)
    return panel


def panel_delete(*, comic_id: int, panel_id: int, owner_id: int | None = None) -> None:
    """Delete a panel; the others keep their numbers.

    An image that no panel shows any more is deleted after the commit.

    Raises:
        Panel.DoesNotExist: The comic has no such panel.
    """
    with transaction.atomic(savepoint=False):
        comic: Comic = LOCKED_COMIC.get(comic_id, owner_id)
        panel = _panel_get(comic_id, panel_id)
        panel.delete()
        _comic_change(
            comic,
            panel_count=comic.panel_count - 1,
            image_bytes=comic.image_bytes - panel.image.size_bytes,
            cover_id=_cover_id(comic_id),
        )
        images_delete_after_commit([panel.image_id])


def panels_order(*, comic_id: int, panel_ids: Sequence[int], owner_id: int | None = None) -> None:
    """Number all panels of a comic from 1 in the order of their ids, which are distinct.

    Raises:
        PanelsChanged: They are not the ids of the comic's panels now.
    """
    with transaction.atomic(savepoint=False):
        comic: Comic = LOCKED_COMIC.get(comic_id, owner_id)
        numbers = dict(Panel.objects.filter(comic_id=comic_id).values_list("pk", "number"))
        if numbers.keys() != set(panel_ids):
            raise PanelsChanged(numbers.keys() - set(panel_ids), set(panel_ids) - numbers.keys())
        moved = {pk: at for at, pk in enumerate(panel_ids, 1) if numbers[pk] != at}
        if not moved:
            return
        _renumber(comic_id, moved)
        _comic_change(comic, cover_id=_cover_id(comic_id))


def _renumber(comic_id: int, numbers: dict[int, int]) -> None:
    """Set the numbers of panels, by their ids; no other panel of the comic has one of these."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE comics_panel SET number = number + %s WHERE comic_id = %s AND id = ANY(%s)",
            [_ASIDE, comic_id, [*numbers]],
        )
        cursor.execute(
            "UPDATE comics_panel SET number = moved.number "
            "FROM unnest(%s::bigint[], %s::integer[]) moved (id, number) "
            "WHERE comics_panel.id = moved.id AND comics_panel.comic_id = %s",
            [[*numbers], [*numbers.values()], comic_id],
        )


def _panel_get(comic_id: int, panel_id: int) -> Panel:
    """Return a panel of a comic with its image."""
    panel: Panel = Panel.objects.for_pages(comic_id).get(pk=panel_id)
    return panel


def _cover_id(comic_id: int) -> int | None:
    """Return the image of the comic's first panel."""
    rows = _COVERS.rows(comic_id)
    return rows[0][0] if rows else None


def _comic_change(comic: Comic, **columns: Any) -> None:
    """Set columns of the locked comic."""
    Comic.objects.filter(pk=comic.pk).update(**columns, updated_at=timezone.now())


def _image_hold(comic: Comic, picture: Picture, generation: str, replaced_bytes: int = 0) -> Image:
    """Return the row of a picture, if it is within the quota of the comic's owner.

    The row is locked, and its file exists.
    """
    quota_require(
        owner_id=comic.owner_id, size_bytes=len(picture.data), replaced_bytes=replaced_bytes
    )
    image = image_row_hold(picture, generation)
    if not generation:
        picture_file_write(picture)
    return image


def _name_ids(what: str, ids: Collection[int]) -> str:
    if not ids:
        return ""
    named = ", ".join(map(str, sorted(ids)[:_NAMED_MAX]))
    return f"{what}: {named}{' …' if len(ids) > _NAMED_MAX else ''}"
