"""Adding panels to a comic."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Count, Max, Min, Q
from rest_framework.exceptions import ValidationError

from comics.images import Picture
from comics.images.files import picture_file_write
from comics.models import Comic, Panel
from comics.services.images import image_row_hold
from morpheus.http.errors import Conflict
from users.models import belonging_to
from users.quotas import quota_require

# Panels of one comic; a strip that has run for decades has some ten thousand.
PANEL_NUMBER_MAX = 100_000


def panel_add(
    *, comic_id: int, picture: Picture, caption: str = "", number: int | None = None
) -> Panel:
    """Add a panel, after the last one where no number is given.

    The comic is locked, so clients that post at once get distinct numbers and all are counted.
    The image's file is in place before anyone can see its row.

    Raises:
        Comic.DoesNotExist: No such comic, or the caller may not change it.
        Conflict: The comic has a panel of this number.
        ValidationError: The comic is full.
        QuotaExceeded: The owner would keep too much.
    """
    with transaction.atomic(savepoint=False):
        comic = Comic.objects.select_for_update(of=("self",), no_key=True).get(pk=comic_id)
        found = comic.panels.aggregate(
            first=Min("number"), last=Max("number"), taken=Count("pk", filter=Q(number=number))
        )
        if number is None:
            number = (found["last"] or 0) + 1
        if number > PANEL_NUMBER_MAX:
            raise ValidationError({"number": [f"At most {PANEL_NUMBER_MAX} is possible."]})
        if found["taken"]:
            raise Conflict(f"This comic has a panel {number} already.")
        size_bytes = len(picture.data)
        quota_require(owner_id=comic.owner_id, size_bytes=size_bytes)
        image = image_row_hold(picture)
        picture_file_write(picture)
        panel = Panel.objects.create(
            comic=comic, number=number, caption=caption, image=image, **belonging_to(comic)
        )
        comic.panel_count += 1
        comic.image_bytes += size_bytes
        if found["first"] is None or number < found["first"]:
            comic.cover = image
        comic.save(update_fields=["panel_count", "image_bytes", "cover", "updated_at"])
    return panel
