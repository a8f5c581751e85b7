"""Comics, panels, and the images that panels share.

To recover from an interruption, migrate again: the migration is one transaction.
"""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("novels", "0001_novels_and_chapters"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Image",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("digest", models.CharField(max_length=64)),
                ("media_type", models.CharField(max_length=20)),
                ("width", models.PositiveIntegerField()),
                ("height", models.PositiveIntegerField()),
                ("size_bytes", models.PositiveIntegerField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("digest",), name="comics_image_digest_uq"),
                    models.CheckConstraint(
                        condition=models.Q(("height__gte", 1), ("width__gte", 1)),
                        name="comics_image_size_ck",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Comic",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("title", models.CharField(db_collation="C", max_length=300)),
                ("is_public", models.BooleanField(default=False)),
                ("panel_count", models.PositiveIntegerField(default=0)),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "novel",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="comics",
                        to="novels.novel",
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="comics",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "cover",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="comics.image",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Panel",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                ("caption", models.CharField(blank=True, default="", max_length=500)),
                ("is_public", models.BooleanField(editable=False)),
                (
                    "owner",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        editable=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "comic",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="panels",
                        to="comics.comic",
                    ),
                ),
                (
                    "image",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="comics.image",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Rendition",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "size",
                    models.CharField(
                        choices=[("small", "Small"), ("medium", "Medium"), ("large", "Large")],
                        max_length=6,
                    ),
                ),
                ("digest", models.CharField(max_length=64)),
                ("media_type", models.CharField(max_length=20)),
                ("width", models.PositiveIntegerField()),
                ("height", models.PositiveIntegerField()),
                ("size_bytes", models.PositiveIntegerField()),
                (
                    "image",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="renditions",
                        to="comics.image",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="comic",
            index=models.Index(
                include=(
                    "owner",
                    "is_public",
                ),
                condition=models.Q(("is_public", True)),
                fields=["created_at", "id"],
                name="comics_comic_newest_idx",
            ),
        ),
        migrations.AddIndex(
            model_name="comic",
            index=models.Index(
                include=(
                    "owner",
                    "is_public",
                ),
                condition=models.Q(("is_public", True)),
                fields=["title", "id"],
                name="comics_comic_title_idx",
            ),
        ),
        migrations.AddIndex(
            model_name="comic",
            index=models.Index(
                include=("owner",),
                fields=["novel", "is_public", "created_at", "id"],
                name="comics_comic_novel_newest_idx",
            ),
        ),
        migrations.AddIndex(
            model_name="comic",
            index=models.Index(
                include=(
                    "owner",
                    "is_public",
                ),
                condition=models.Q(("is_public", True)),
                fields=["novel", "title", "id"],
                name="comics_comic_novel_title_idx",
            ),
        ),
        migrations.AddIndex(
            model_name="comic",
            index=models.Index(
                include=("is_public",),
                condition=models.Q(("is_public", True)),
                fields=["owner", "created_at", "id"],
                name="comics_comic_owner_newest_idx",
            ),
        ),
        migrations.AddIndex(
            model_name="comic",
            index=models.Index(
                include=("is_public",),
                condition=models.Q(("is_public", True)),
                fields=["owner", "title", "id"],
                name="comics_comic_owner_title_idx",
            ),
        ),
        migrations.AddIndex(
            model_name="comic",
            index=models.Index(
                include=("is_public",),
                fields=["owner", "created_at", "id"],
                name="comics_comic_mine_newest_idx",
            ),
        ),
        migrations.AddIndex(
            model_name="comic",
            index=models.Index(
                include=("is_public",),
                fields=["owner", "title", "id"],
                name="comics_comic_mine_title_idx",
            ),
        ),
        migrations.AddIndex(
            model_name="comic",
            index=models.Index(fields=["cover"], name="comics_comic_cover_fk_idx"),
        ),
        migrations.AddIndex(
            model_name="panel",
            index=models.Index(fields=["image"], name="comics_panel_image_fk_idx"),
        ),
        migrations.AddConstraint(
            model_name="panel",
            constraint=models.UniqueConstraint(
                fields=("comic", "number"), name="comics_panel_number_uq"
            ),
        ),
        migrations.AddConstraint(
            model_name="panel",
            constraint=models.CheckConstraint(
                condition=models.Q(("number__gte", 1)), name="comics_panel_number_ck"
            ),
        ),
        migrations.AddConstraint(
            model_name="rendition",
            constraint=models.UniqueConstraint(
                fields=("image", "size"), name="comics_rendition_size_uq"
            ),
        ),
        migrations.AddConstraint(
            model_name="rendition",
            constraint=models.CheckConstraint(
                condition=models.Q(("size__in", ["small", "medium", "large"])),
                name="comics_rendition_size_ck",
            ),
        ),
    ]
