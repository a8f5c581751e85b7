"""Every SQL shape that reads comics."""

from __future__ import annotations

from collections.abc import Collection

from django.db import models
from django.db.models import Count, Exists, FilteredRelation, Q, Sum
from django.db.models.functions import Coalesce

from morpheus.db.expressions import AnyOf
from novels.models import Novel
from users.querysets import VisibleQuerySet
from users.quotas import Usage

# What the gallery or a detail page shows of a comic itself.
_CARD = [
    *("id", "title", "novel", "owner", "is_public", "panel_count", "cover__digest"),
    *("created_at", "updated_at"),
]


class ComicQuerySet(VisibleQuerySet):
    """Reads of comics; a method per screen."""

    def of_public_novel(self, novel_id: int) -> ComicQuerySet:
        """Comics of a novel; none of a private one, whose id would be confirmed by them."""
        # Asked once: a join would ask for each comic.
        return self.filter(Exists(Novel.objects.public().filter(pk=novel_id)), novel_id=novel_id)

    def for_cards(self) -> ComicQuerySet:
        """What the API shows, in one query with novel, owner and cover: for who made a change."""
        return self.select_related("public_owner", "novel", "cover").only(
            *_CARD,
            *("novel__title", "novel__is_public", "novel__owner_id"),
            "public_owner__display_name",
        )

    def kept_cards(self) -> ComicQuerySet:
        """Rows of the same without what is kept apart: the owner's name, and the novel's title."""
        return self.values_list(*_CARD)

    def of_ids(self, comic_ids: Collection[int]) -> ComicQuerySet:
        """The comics with these primary keys."""
        return self.filter(AnyOf("pk", comic_ids))

    def for_access(self) -> ComicQuerySet:
        """What tells whether a caller may see or change a comic."""
        return self.only("id", "is_public", "owner_id")

    def for_thumbnail(self, size: str) -> ComicQuerySet:
        """Cover and its smaller copy, where it is made: one query of plain values."""
        of_size = FilteredRelation("cover__renditions", condition=Q(cover__renditions__size=size))
        return self.annotate(rendition=of_size).values(
            "is_public", "cover_id", "cover__digest", "cover__media_type", "rendition__digest"
        )

    def totals(self) -> dict[str, int]:
        """Count the comics and their panels: one query; only for those of one owner."""
        return self.aggregate(
            comics=Count("pk"), panels=Coalesce(Sum("panel_count"), 0, output_field=_BIGINT)
        )

    def usage(self) -> Usage:
        """What pictures are of the quota: one query, of an index alone; only for one owner's."""
        found = self.aggregate(bytes=Coalesce(Sum("image_bytes"), 0, output_field=_BIGINT))
        return Usage(**found)


_BIGINT = models.BigIntegerField()


class PanelQuerySet(VisibleQuerySet):
    """Reads of panels."""

    def of_comic(self, comic_id: int) -> PanelQuerySet:
        """Panels of one comic, in reading order."""
        return self.filter(comic_id=comic_id).order_by("number")

    def for_pages(self, comic_id: int) -> PanelQuerySet:
        """Panels of one comic with their images; the page says in which order."""
        return self.filter(comic_id=comic_id).select_related("image")

    def for_image(self) -> PanelQuerySet:
        """What serving the picture itself needs: one query of plain values."""
        return self.values("is_public", "image__digest", "image__media_type")
