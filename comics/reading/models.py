"""How far users have read novels and comics."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from comics.models import Comic
from comics.reading.querysets import ProgressQuerySet
from morpheus.db.schema import reference
from novels.models import Novel
from users.models import User


class Progress(models.Model):
    """The place of a user in a novel or comic: a chapter and a position in it, or a panel.

    `read_at` is the time of the user's device. Chapters and panels may change later, so the place
    need not exist any more. Row level security shows a row to its user and to staff.
    """

    user = reference(User)
    novel = reference(Novel, null=True, related_name="progress")
    comic = reference(Comic, null=True, related_name="progress")
    number = models.PositiveIntegerField()
    position = models.FloatField(default=0.0)
    is_finished = models.BooleanField(default=False)
    read_at = models.DateTimeField()

    objects = ProgressQuerySet.as_manager()

    class Meta:
        indexes = [
            # GET /users/me/continue/
            models.Index(
                fields=["user", "read_at", "id"],
                condition=Q(is_finished=False),
                name="reading_progress_recent_idx",
            ),
            # Deleting a novel or a comic deletes its rows.
            models.Index(fields=["novel"], name="reading_progress_novel_idx"),
            models.Index(fields=["comic"], name="reading_progress_comic_idx"),
        ]
        constraints = [
            # PUT and GET of one novel or comic. Also serves the deletion of a user.
            models.UniqueConstraint(
                fields=["user", "novel", "comic"],
                nulls_distinct=False,
                name="reading_progress_work_uq",
            ),
            models.CheckConstraint(
                condition=Q(novel__isnull=False, comic__isnull=True)
                | Q(novel__isnull=True, comic__isnull=False),
                name="reading_progress_one_ck",
            ),
            models.CheckConstraint(condition=Q(number__gte=1), name="reading_progress_number_ck"),
            models.CheckConstraint(
                condition=Q(position__gte=0, position__lte=1), name="reading_progress_position_ck"
            ),
        ]

    def __str__(self) -> str:
        work = f"comic {self.comic_id}" if self.novel_id is None else f"novel {self.novel_id}"
        return f"place of user {self.user_id} in {work}"

    @property
    def chapter(self) -> int | None:
        """Number of the chapter; None in a comic."""
        return None if self.novel_id is None else self.number

    @property
    def panel(self) -> int | None:
        """Number of the panel; None in a novel."""
        return None if self.comic_id is None else self.number
