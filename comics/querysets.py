"""Every SQL shape that reads comics."""

from __future__ import annotations

from django.db import models
from django.db.models import Count, Exists, FilteredRelation, Q, Sum
from django.db.models.functions import Coalesce

from novels.models import Novel


class ComicQuerySet(models.QuerySet):
    """Reads of comics; a method per screen."""

    def public(self) -> ComicQuerySet:
        """Comics for everyone; the literal condition lets partial indexes serve it."""
        return self.filter(is_public=True)

    def owned_by(self, user_id: int) -> ComicQuerySet:
        """All comics of one owner, of every visibility."""
        return self.filter(owner_id=user_id)

    def of_public_novel(self, novel_id: int) -> ComicQuerySet:
        """Comics of a novel; none of a private one, whose id would be confirmed by them."""
        # Asked once: a join would ask for each comic.
        return self.filter(Exists(Novel.objects.public().filter(pk=novel_id)), novel_id=novel_id)

    def visible_to(self, user_id: int | None) -> ComicQuerySet:
        """Comics that a reader may see; for look-ups by primary key, not for lists."""
        if user_id is None:
            return self.public()
        return self.filter(Q(is_public=True) | Q(owner_id=user_id))

    def for_cards(self) -> ComicQuerySet:
        """What the gallery or a detail page shows: one query with novel, owner and cover."""
        return self.select_related("public_owner", "novel", "cover").only(
            "id",
            "title",
            "novel__title",
            "novel__is_public",
            "novel__owner_id",
            "owner",
            "public_owner__display_name",
            "is_public",
            "panel_count",
            "cover__digest",
            "created_at",
            "updated_at",
        )

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


_BIGINT = models.BigIntegerField()


class PanelQuerySet(models.QuerySet):
    """Reads of panels."""

    def of_comic(self, comic_id: int) -> PanelQuerySet:
        """Panels of one comic, in reading order."""
        return self.filter(comic_id=comic_id).order_by("number")

    def visible_to(self, user_id: int | None) -> PanelQuerySet:
        """Panels of comics that a reader may see; for look-ups, not for lists."""
        if user_id is None:
            return self.filter(comic__is_public=True)
        return self.filter(Q(comic__is_public=True) | Q(comic__owner_id=user_id))

    def for_reader(self) -> PanelQuerySet:
        """What a reader's page shows, with the image's size: one query."""
        return self.select_related("image").only(
            "id", "comic_id", "number", "caption", "image__digest", "image__width", "image__height"
        )

    def for_image(self) -> PanelQuerySet:
        """What serving the picture itself needs: one query of plain values."""
        return self.values("comic__is_public", "image__digest", "image__media_type")
