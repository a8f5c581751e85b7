"""Comics, panels, the images that panels share, and the rules for them.

To recover from an interruption, migrate again: the migration is one transaction.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import migrations, models
from django.utils import timezone

from morpheus.db.schema import id_column, list_index, public_owner, reference, run_sql_file


def picture_fields() -> list[tuple[str, models.Field[Any, Any]]]:
    """Return the columns that an image and its smaller copies share."""
    return [
        ("digest", models.CharField(max_length=64)),
        ("media_type", models.CharField(max_length=20)),
        ("width", models.PositiveIntegerField()),
        ("height", models.PositiveIntegerField()),
        ("size_bytes", models.PositiveIntegerField()),
    ]


class Migration(migrations.Migration):
    initial = True

    dependencies = [("cache", "0001_outbox_and_triggers"), ("novels", "0001_novels")]

    operations = [
        migrations.CreateModel(
            name="Image",
            fields=[("id", id_column()), *picture_fields()],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("digest",), name="comics_image_digest_uq"),
                    models.CheckConstraint(
                        condition=models.Q(height__gte=1, width__gte=1), name="comics_image_size_ck"
                    ),
                ]
            },
        ),
        migrations.CreateModel(
            name="Rendition",
            fields=[
                ("id", id_column()),
                (
                    "size",
                    models.CharField(
                        choices=[("small", "Small"), ("medium", "Medium"), ("large", "Large")],
                        max_length=6,
                    ),
                ),
                *picture_fields(),
                ("image", reference("comics.image", related_name="renditions")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("image", "size"), name="comics_rendition_size_uq"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(size__in=["small", "medium", "large"]),
                        name="comics_rendition_size_ck",
                    ),
                ]
            },
        ),
        migrations.CreateModel(
            name="Comic",
            fields=[
                ("id", id_column()),
                ("title", models.CharField(db_collation="C", max_length=300)),
                ("is_public", models.BooleanField(default=False)),
                ("panel_count", models.PositiveIntegerField(default=0)),
                ("created_at", models.DateTimeField(default=timezone.now, editable=False)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("novel", reference("novels.novel", related_name="comics", blank=True, null=True)),
                ("owner", reference(settings.AUTH_USER_MODEL, related_name="comics")),
                ("public_owner", public_owner()),
                ("cover", reference("comics.image", blank=True, null=True)),
                (
                    "image_bytes",
                    models.PositiveBigIntegerField(db_default=0, default=0, editable=False),
                ),
            ],
            options={
                "indexes": [
                    list_index("comics_comic_newest_idx", "created_at", "id"),
                    list_index("comics_comic_title_idx", "title", "id"),
                    list_index("comics_comic_novel_title_idx", "novel", "title", "id"),
                    list_index("comics_comic_owner_newest_idx", "owner", "created_at", "id"),
                    list_index("comics_comic_owner_title_idx", "owner", "title", "id"),
                    list_index(
                        "comics_comic_mine_newest_idx",
                        "owner",
                        "created_at",
                        "id",
                        include=("panel_count", "image_bytes"),
                        public_only=False,
                    ),
                    list_index(
                        "comics_comic_mine_title_idx", "owner", "title", "id", public_only=False
                    ),
                    list_index(
                        "comics_comic_novel_newest_idx",
                        "novel",
                        "is_public",
                        "created_at",
                        "id",
                        public_only=False,
                    ),
                    models.Index(fields=["cover"], name="comics_comic_cover_fk_idx"),
                ]
            },
        ),
        migrations.CreateModel(
            name="Panel",
            fields=[
                ("id", id_column()),
                ("number", models.PositiveIntegerField()),
                ("caption", models.CharField(blank=True, default="", max_length=500)),
                ("is_public", models.BooleanField(editable=False)),
                ("owner", reference(settings.AUTH_USER_MODEL, editable=False)),
                ("comic", reference("comics.comic", related_name="panels")),
                ("image", reference("comics.image")),
            ],
            options={
                "indexes": [models.Index(fields=["image"], name="comics_panel_image_fk_idx")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("comic", "number"), name="comics_panel_number_uq"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(number__gte=1), name="comics_panel_number_ck"
                    ),
                ],
            },
        ),
        run_sql_file("comics", "foreign_keys"),
        run_sql_file("comics", "policies"),
        run_sql_file("comics", "cache_tags"),
    ]
