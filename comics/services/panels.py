"""Add panels to a comic."""

from __future__ import annotations

from http import HTTPStatus

from django.db import transaction
from django.db.models import Count, Max, Min, Q

from comics.images import Picture
from comics.images.files import picture_file_write
from comics.models import Comic, Panel
from comics.services.images import image_row_hold
from morpheus.api.domain_errors import DomainError
from users.models import belonging_to
from users.quotas import quota_require

# Of one comic; a daily strip of some decades has about ten thousand panels.
PANEL_NUMBER_MAX = 100_000


class PanelExists(DomainError):
    """The comic has a panel of this number."""

    status = HTTPStatus.CONFLICT


class PanelNumberTooLarge(DomainError):
    """The number is above `PANEL_NUMBER_MAX`, perhaps because the comic is full."""

    field = "number"


def panel_add(
    *, comic_id: int, picture: Picture, caption: str = "", number: int | None = None
) -> Panel:
    """Add a panel; without a number it becomes the last one.

    The comic is locked, so concurrent requests get distinct numbers and all panels are counted.
    The image's file exists before its row is visible.

    Raises:
        Comic.DoesNotExist: There is no such comic, or the user may not change it.
        PanelExists: The comic has a panel of this number.
        PanelNumberTooLarge: The number is too large, or the comic is full.
        QuotaExceeded: The image would exceed the owner's quota.
    """
    with transaction.atomic(savepoint=False):
        comic = Comic.objects.select_for_update(of=("self",), no_key=True).get(pk=comic_id)
        numbers = comic.panels.aggregate(
            first=Min("number"), last=Max("number"), taken=Count("pk", filter=Q(number=number))
        )
        if number is None:
            number = (numbers["last"] or 0) + 1
        if number > PANEL_NUMBER_MAX:
            raise PanelNumberTooLarge(f"At most {PANEL_NUMBER_MAX} is possible.")
        if numbers["taken"]:
            raise PanelExists(f"This comic has a panel {number} already.")
        size_bytes = len(picture.data)
        quota_require(owner_id=comic.owner_id, size_bytes=size_bytes)
        image = image_row_hold(picture)
        picture_file_write(picture)
        panel = Panel.objects.create(
            comic=comic, number=number, caption=caption, image=image, **belonging_to(comic)
        )
        comic.panel_count += 1
        comic.image_bytes += size_bytes
        if numbers["first"] is None or number < numbers["first"]:
            comic.cover = image
        comic.save(update_fields=["panel_count", "image_bytes", "cover", "updated_at"])
    return panel
