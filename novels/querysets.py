"""Every SQL shape that reads novels."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import models
from django.db.models import BigIntegerField, Count, Q, Sum
from django.db.models.functions import Coalesce

from morpheus.db.expressions import AnyOf
from users.querysets import VisibleQuerySet
from users.quotas import Usage

# What a list or a detail page shows of a novel itself, and of its owner.
_CARD = (
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
    "created_at",
    "updated_at",
)
_OWNER = "public_owner__display_name"


class NovelQuerySet(VisibleQuerySet):
    """Reads of novels; a method per screen."""

    def for_cards(self) -> NovelQuerySet:
        """What a list or a detail page shows: one query with owner, genre and language."""
        return self.select_related("public_owner", "genre", "language").only(*_CARD, _OWNER)

    def for_dashboard(self) -> NovelQuerySet:
        """A card, and how far the parse is: one query."""
        return self.for_cards().select_related("status").only(*_CARD, _OWNER, "status")

    def kept_cards(self) -> NovelQuerySet:
        """Rows of a card without the owner's name, which is kept apart."""
        return self.values_list(*_CARD)

    def whole_cards(self) -> NovelQuerySet:
        """Rows of a card with the owner's name last: one query for what is shown."""
        return self.values_list(*_CARD, _OWNER)

    def of_ids(self, novel_ids: Iterable[int]) -> NovelQuerySet:
        """The novels with these primary keys."""
        return self.filter(AnyOf("pk", novel_ids))

    def totals(self) -> dict[str, int]:
        """Count the novels, their chapters and words: one query; only for those of one owner."""
        return self.aggregate(
            novels=Count("pk"), chapters=_sum("chapter_count"), words=_sum("word_count")
        )


class StatusQuerySet(VisibleQuerySet):
    """Reads of how far parses are."""

    def of_novel(self, novel_id: int) -> StatusQuerySet:
        """Rows of what the API shows of one novel's parse: one or none."""
        columns = ("novel_id", "state", "stage", "progress", "message", "updated_at")
        return self.filter(pk=novel_id).values_list(*columns)

    def totals(self) -> dict[str, int]:
        """Count what is not completed: one query; only for those of one owner."""
        failed, unfinished = Q(state="failed"), Q(state__in=["pending", "processing"])
        return self.filter(failed | unfinished).aggregate(
            novels_unfinished=Count("pk", filter=unfinished),
            novels_failed=Count("pk", filter=failed),
        )


class ChapterQuerySet(VisibleQuerySet):
    """Reads of chapters; the text is apart and is read only where it is shown."""

    def of_novel(self, novel_id: int) -> ChapterQuerySet:
        """Chapters of one novel, in reading order."""
        return self.filter(novel_id=novel_id).order_by("number")

    def for_reader(self) -> ChapterQuerySet:
        """A chapter with its text and whether they are public, in one query."""
        return self.select_related("text").only(
            "id", "number", "title", "word_count", "is_public", "text__content"
        )


class UploadManager(models.Manager):
    """Reads of uploads."""

    def usage(self, owner_id: int) -> Usage:
        """What an owner's uploads are of the quota: one query, of an index alone."""
        # The primary key is not in the index.
        found = self.filter(owner_id=owner_id).aggregate(
            novels=Count("size_bytes"), bytes=_sum("size_bytes")
        )
        return Usage(**found)


def _sum(column: str) -> Coalesce:
    return Coalesce(Sum(column), 0, output_field=BigIntegerField())
