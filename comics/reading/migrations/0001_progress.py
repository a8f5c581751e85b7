"""The reading progress of users: one new table, which a server of the release before ignores.

To recover from an interruption, migrate again: the migration is one transaction.
"""

from __future__ import annotations

from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

from morpheus.db.schema import id_column, reference, run_sql_file


class Migration(migrations.Migration):
    initial = True

    dependencies = [("comics", "0001_comics_and_panels")]

    operations = [
        migrations.CreateModel(
            name="Progress",
            fields=[
                ("id", id_column()),
                ("number", models.PositiveIntegerField()),
                ("position", models.FloatField(default=0.0)),
                ("is_finished", models.BooleanField(default=False)),
                ("read_at", models.DateTimeField()),
                ("user", reference(settings.AUTH_USER_MODEL)),
                ("novel", reference("novels.novel", null=True, related_name="progress")),
                ("comic", reference("comics.comic", null=True, related_name="progress")),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["user", "read_at", "id"],
                        condition=Q(is_finished=False),
                        name="reading_progress_recent_idx",
                    ),
                    models.Index(fields=["novel"], name="reading_progress_novel_idx"),
                    models.Index(fields=["comic"], name="reading_progress_comic_idx"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(novel__isnull=False, comic__isnull=True)
                        | Q(novel__isnull=True, comic__isnull=False),
                        name="reading_progress_one_ck",
                    ),
                    models.CheckConstraint(
                        condition=Q(number__gte=1), name="reading_progress_number_ck"
                    ),
                    models.CheckConstraint(
                        condition=Q(position__gte=0, position__lte=1),
                        name="reading_progress_position_ck",
                    ),
                ],
            },
        ),
        run_sql_file("comics.reading", "progress"),
        # That file makes it: Django would ask the database whether it can, and the lint has none.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddConstraint(
                    "progress",
                    models.UniqueConstraint(
                        fields=("user", "novel", "comic"),
                        nulls_distinct=False,
                        name="reading_progress_work_uq",
                    ),
                )
            ]
        ),
    ]
