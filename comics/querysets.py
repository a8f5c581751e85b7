"""Every SQL shape that reads comics."""

from __future__ import annotations

from typing import Any, Self

from django.db import models
from django.db.models import Count, Exists, FilteredRelation, Q
from django.db.models.functions import Coalesce

from morpheus.db.compiled_reads import of_all_rows
from novels.models import Novel
from novels.querysets import total_of
from users.querysets import VisibleQuerySet


class ComicQuerySet(VisibleQuerySet):
    """Reads of comics."""

    def of_public_novel(self, novel_id: int) -> Self:
        """Comics of a public novel; none of a private one, so its id is not confirmed."""
        # A subquery, which PostgreSQL evaluates once; a join would check each comic.
        return self.filter(Exists(Novel.objects.public().filter(pk=novel_id)), novel_id=novel_id)

    def for_thumbnail(self, size: str) -> models.QuerySet[Any, dict[str, Any]]:
        """The cover and its rendition of a size, if it exists: one query of plain values."""
        of_size = FilteredRelation("cover__renditions", condition=Q(cover__renditions__size=size))
        columns = (
            *("is_public", "cover_id", "cover__digest", "cover__media_type"),
            *("cover__generation", "rendition__digest"),
        )
        rows: models.QuerySet[Any, dict[str, Any]] = self.annotate(rendition=of_size)
        return rows.values(*columns)

    def totals(self) -> dict[str, int]:
        """Count the comics and panels of one owner: one query."""
        return self.aggregate(comics=Count("pk"), panels=total_of("panel_count"))

    def usage(self) -> models.QuerySet[Any, Any]:
        """Size of one owner's images, for the quota: one index-only query."""
        size = of_all_rows("SUM", "image_bytes")
        total = Coalesce(size, 0, output_field=models.Field())
        rows: models.QuerySet[Any, Any] = self.annotate(bytes=total)
        return rows.values_list("bytes")


class PanelQuerySet(VisibleQuerySet):
    """Reads of panels."""

    def of_comic(self, comic_id: int) -> Self:
        """Panels of one comic, in reading order."""
        return self.filter(comic_id=comic_id).order_by("number")

    def numbers(self, comic_id: int, number: int) -> models.QuerySet[Any, Any]:
        """First and last number of a comic's panels, and whether a number is taken.

        One query of three look-ups in an index, however many panels the comic has.
        """
        panels = self.filter(comic_id=comic_id)
        rows: models.QuerySet[Any, Any] = panels.annotate(
            first=of_all_rows("MIN", "number"),
            last=of_all_rows("MAX", "number"),
            is_taken=Exists(panels.filter(number=number)),
        )
        return rows.values_list("first", "last", "is_taken")

    def first_image(self, comic_id: int) -> models.QuerySet[Any, Any]:
        """The image of a comic's first panel: one look-up in an index."""
        rows: models.QuerySet[Any, Any] = self.of_comic(comic_id).values_list("image_id")
        return rows[:1]

    def for_pages(self, comic_id: int) -> Self:
        """Panels of one comic with their images; the page sets the order."""
        return self.filter(comic_id=comic_id).select_related("image")

    def for_image(self) -> models.QuerySet[Any, dict[str, Any]]:
        """Visibility and file of a panel's image: one query of plain values."""
        file = ("image__digest", "image__media_type", "image__generation")
        return self.values("is_public", *file)
