"""Every SQL shape that reads novels."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class NovelQuerySet(models.QuerySet):
    """Reads of novels; a method per screen."""

    def public(self) -> NovelQuerySet:
        """Novels for everyone; the literal condition lets partial indexes serve it."""
        return self.filter(is_public=True)

    def owned_by(self, user_id: int) -> NovelQuerySet:
        """All novels of one owner, of every visibility."""
        return self.filter(owner_id=user_id)

    def visible_to(self, user_id: int | None) -> NovelQuerySet:
        """Novels that a reader may see; for look-ups by primary key, not for lists."""
        if user_id is None:
            return self.public()
        return self.filter(Q(is_public=True) | Q(owner_id=user_id))

    def for_cards(self) -> NovelQuerySet:
        """What a list or a detail page shows: one query with owner, genre and language."""
        return self.select_related("public_owner", "genre", "language").only(
            "id",
            "title",
            "author",
            "synopsis",
            "genre__slug",
            "language__code",
            "is_public",
            "word_count",
            "chapter_count",
            "owner",
            "public_owner__display_name",
            "created_at",
            "updated_at",
        )

    def for_status(self) -> NovelQuerySet:
        """A novel with how far its upload is parsed, in one query."""
        return (
            self.select_related("status")
            .filter(status__isnull=False)
            .only("id", "is_public", "status")
        )


class ChapterQuerySet(models.QuerySet):
    """Reads of chapters; the text is apart and is read only where it is shown."""

    def of_novel(self, novel_id: int) -> ChapterQuerySet:
        """Chapters of one novel, in reading order."""
        return self.filter(novel_id=novel_id).order_by("number")

    def for_contents(self) -> ChapterQuerySet:
        """What a table of contents shows."""
        return self.only("id", "novel_id", "number", "title", "word_count")

    def visible_to(self, user_id: int | None) -> ChapterQuerySet:
        """Chapters of novels that a reader may see; for look-ups, not for lists."""
        public = Q(novel__is_public=True)
        return self.filter(public if user_id is None else public | Q(novel__owner_id=user_id))

    def for_reader(self) -> ChapterQuerySet:
        """A chapter with its text and whether its novel is public, in one query."""
        return self.select_related("text", "novel").only(
            "id", "number", "title", "word_count", "text__content", "novel__is_public"
        )
