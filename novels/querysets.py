"""Every SQL shape that reads novels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Self

from django.db import models
from django.db.models import BigIntegerField, Count, Q, Sum
from django.db.models.functions import Coalesce

from morpheus.db.compiled_reads import AnyOf, of_all_rows
from users.querysets import VisibleQuerySet


class NovelQuerySet(VisibleQuerySet):
    """Reads of novels."""

    def for_summary(self) -> Self:
        """Title, author, language and counts, for the summary of an import: one query."""
        return self.select_related("language").defer("synopsis")

    def totals(self) -> dict[str, int]:
        """Count the novels, chapters and words of one owner: one query."""
        return self.aggregate(
            novels=Count("pk"), chapters=total_of("chapter_count"), words=total_of("word_count")
        )


class StatusQuerySet(VisibleQuerySet):
    """Reads of processing statuses."""

    def totals(self) -> dict[str, int]:
        """Count the unfinished and failed novels of one owner: one query."""
        failed, unfinished = Q(state="failed"), Q(state__in=["pending", "processing"])
        return self.filter(failed | unfinished).aggregate(
            novels_unfinished=Count("pk", filter=unfinished),
            novels_failed=Count("pk", filter=failed),
        )

    def changed_since(self, since: datetime) -> Self:
        """Unfinished ones, and those that changed later, the newest 1,000: one owner's are few."""
        unfinished = Q(state__in=["pending", "processing"])
        return self.filter(unfinished | Q(updated_at__gt=since)).order_by("-updated_at")[:1000]


class ChapterQuerySet(VisibleQuerySet):
    """Reads of chapters; their text is in another table, which lists do not read."""

    def of_novel(self, novel_id: int) -> Self:
        """Chapters of one novel, in reading order."""
        return self.filter(novel_id=novel_id).order_by("number")


class PublicCountManager(models.Manager[Any]):
    """Reads of the numbers of public novels."""

    def totals(self, column: str, pks: Iterable[int]) -> dict[int, int]:
        """Return the numbers of some genres or languages that have one, by primary key: 1 query.

        Args:
            column: `genre` or `language`.
        """
        rows: models.QuerySet[Any, Any] = self.filter(AnyOf(column, pks))
        return dict(rows.values_list(column).annotate(Sum("novels")))

    def kept(self, filters: Mapping[str, Any]) -> int | None:
        """Return the number of public novels under filters, if triggers keep it: 1 query."""
        if filters.keys() not in ({"genre"}, {"language"}):
            return None
        [(column, pk)] = filters.items()
        return self.totals(column, [pk]).get(pk, 0)


class UploadManager(models.Manager[Any]):
    """Reads of uploads."""

    def usage(self, owner_id: int) -> models.QuerySet[Any, Any]:
        """Count and size of an owner's uploads, for the quota: one index-only query."""
        # Counts a column of the index; the primary key is not in it.
        count, size = of_all_rows("COUNT", "size_bytes"), of_all_rows("SUM", "size_bytes")
        rows: models.QuerySet[Any, Any] = self.filter(owner_id=owner_id).annotate(
            novels=count, bytes=Coalesce(size, 0, output_field=models.Field())
        )
        return rows.values_list("novels", "bytes")


def total_of(column: str) -> Coalesce:
    """Return the sum of a column; 0 without rows."""
    return Coalesce(Sum(column), 0, output_field=BigIntegerField())
