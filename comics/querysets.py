"""Every SQL shape that reads comics."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class ComicQuerySet(models.QuerySet):
    """Reads of comics; a method per screen."""

    def public(self) -> ComicQuerySet:
        """Comics for everyone; the literal condition lets partial indexes serve it."""
        return self.filter(is_public=True)

    def owned_by(self, user_id: int) -> ComicQuerySet:
        """All comics of one owner, of every visibility."""
        return self.filter(owner_id=user_id)

    def visible_to(self, user_id: int | None) -> ComicQuerySet:
        """Comics that a reader may see; for look-ups by primary key, not for lists."""
        if user_id is None:
            return self.public()
        return self.filter(Q(is_public=True) | Q(owner_id=user_id))

    def for_cards(self) -> ComicQuerySet:
        """What the gallery or a detail page shows: one query with novel, owner and cover."""
        return self.select_related("owner", "novel", "cover").only(
            "id",
            "title",
            "novel__title",
            "novel__is_public",
            "novel__owner_id",
            "owner__display_name",
            "is_public",
            "panel_count",
            "cover__digest",
            "created_at",
            "updated_at",
        )


class PanelQuerySet(models.QuerySet):
    """Reads of panels."""

    def of_comic(self, comic_id: int) -> PanelQuerySet:
        """Panels of one comic, in reading order."""
        return self.filter(comic_id=comic_id).order_by("number")

    def for_reader(self) -> PanelQuerySet:
        """What a reader's page shows, with the image's size: one query."""
        return self.select_related("image").only(
            "id", "comic_id", "number", "caption", "image__digest", "image__width", "image__height"
        )
