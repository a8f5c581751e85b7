"""Novels, chapters, texts, search documents, uploads and processing states, and the rules for them.

To recover from an interruption, migrate again: the migration is one transaction.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import migrations, models
from django.utils import timezone

from morpheus.db.schema import (
    id_column,
    list_index,
    public_owner,
    reference,
    reference_as_key,
    run_sql_file,
)


def nullable_reference(to: str) -> models.ForeignKey[Any, Any]:
    return models.ForeignKey(
        blank=True, db_index=False, null=True, on_delete=models.PROTECT, related_name="+", to=to
    )


class Migration(migrations.Migration):
    initial = True

    dependencies = [("cache", "0001_outbox_and_triggers"), ("users", "0001_users_and_tokens")]

    operations = [
        migrations.CreateModel(
            name="Genre",
            fields=[
                ("id", id_column()),
                ("slug", models.SlugField(max_length=40, unique=True)),
                ("name", models.CharField(max_length=80)),
            ],
            options={"ordering": ["name"]},
        ),
        migrations.CreateModel(
            name="Language",
            fields=[
                ("id", id_column()),
                ("code", models.CharField(max_length=8, unique=True)),
                ("name", models.CharField(max_length=80)),
                ("search_config", models.CharField(default="simple", max_length=40)),
            ],
            options={"ordering": ["name"]},
        ),
        migrations.CreateModel(
            name="Novel",
            fields=[
                ("id", id_column()),
                ("title", models.CharField(db_collation="C", max_length=300)),
                ("author", models.CharField(blank=True, default="", max_length=200)),
                ("synopsis", models.TextField(blank=True, default="", max_length=5000)),
                ("is_public", models.BooleanField(default=False)),
                ("word_count", models.PositiveIntegerField(default=0)),
                ("chapter_count", models.PositiveIntegerField(default=0)),
                ("created_at", models.DateTimeField(default=timezone.now, editable=False)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("genre", nullable_reference("novels.genre")),
                ("language", nullable_reference("novels.language")),
                ("owner", reference(settings.AUTH_USER_MODEL, related_name="novels")),
                ("public_owner", public_owner()),
            ],
            options={
                "indexes": [
                    list_index("novels_novel_newest_idx", "created_at", "id"),
                    list_index("novels_novel_title_idx", "title", "id"),
                    list_index("novels_novel_words_idx", "word_count", "id"),
                    list_index("novels_novel_genre_newest_idx", "genre", "created_at", "id"),
                    list_index("novels_novel_genre_title_idx", "genre", "title", "id"),
                    list_index("novels_novel_genre_words_idx", "genre", "word_count", "id"),
                    list_index("novels_novel_lang_newest_idx", "language", "created_at", "id"),
                    list_index("novels_novel_lang_title_idx", "language", "title", "id"),
                    list_index("novels_novel_lang_words_idx", "language", "word_count", "id"),
                    list_index("novels_novel_author_newest_idx", "author", "created_at", "id"),
                    list_index("novels_novel_author_title_idx", "author", "title", "id"),
                    list_index("novels_novel_author_words_idx", "author", "word_count", "id"),
                    list_index("novels_novel_owner_newest_idx", "owner", "created_at", "id"),
                    list_index("novels_novel_owner_title_idx", "owner", "title", "id"),
                    list_index("novels_novel_owner_words_idx", "owner", "word_count", "id"),
                    list_index(
                        "novels_novel_genre_lang_idx", "genre", "language", "created_at", "id"
                    ),
                    list_index(
                        "novels_novel_mine_newest_idx",
                        "owner",
                        "created_at",
                        "id",
                        public_only=False,
                    ),
                    list_index(
                        "novels_novel_mine_title_idx", "owner", "title", "id", public_only=False
                    ),
                    list_index(
                        "novels_novel_mine_words_idx",
                        "owner",
                        "word_count",
                        "id",
                        include=("chapter_count",),
                        public_only=False,
                    ),
                ]
            },
        ),
        migrations.CreateModel(
            name="NovelUpload",
            fields=[
                ("novel", reference_as_key("novels.novel", related_name="upload")),
                ("digest", models.CharField(max_length=64)),
                ("filename", models.CharField(max_length=255)),
                ("path", models.CharField(max_length=255)),
                ("size_bytes", models.PositiveIntegerField()),
                ("uploaded_at", models.DateTimeField(default=timezone.now)),
                ("owner", reference(settings.AUTH_USER_MODEL)),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["owner"],
                        include=["size_bytes"],
                        name="novels_upload_owner_size_idx",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("owner", "digest"), name="novels_upload_owner_digest_uq"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Chapter",
            fields=[
                ("id", id_column()),
                ("number", models.PositiveIntegerField()),
                ("title", models.CharField(max_length=300)),
                ("word_count", models.PositiveIntegerField(default=0)),
                ("is_public", models.BooleanField(editable=False)),
                ("owner", reference(settings.AUTH_USER_MODEL, editable=False)),
                ("novel", reference("novels.novel", related_name="chapters")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("novel", "number"), name="novels_chapter_number_uq"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(number__gte=1), name="novels_chapter_number_ck"
                    ),
                ]
            },
        ),
        migrations.CreateModel(
            name="ChapterText",
            fields=[
                ("chapter", reference_as_key("novels.chapter", related_name="text")),
                ("is_public", models.BooleanField(editable=False)),
                ("owner", reference(settings.AUTH_USER_MODEL, editable=False)),
                ("content", models.TextField()),
            ],
        ),
        migrations.CreateModel(
            name="SearchDocument",
            fields=[
                ("id", id_column()),
                ("vector", SearchVectorField()),
                ("chapter", reference("novels.chapter", null=True)),
                ("novel", reference("novels.novel")),
            ],
            options={
                "indexes": [
                    GinIndex(fastupdate=False, fields=["vector"], name="novels_search_vector_idx"),
                    models.Index(fields=["novel", "chapter"], name="novels_search_novel_idx"),
                    models.Index(fields=["chapter"], name="novels_search_chapter_idx"),
                ]
            },
        ),
        migrations.CreateModel(
            name="ProcessingStatus",
            fields=[
                ("novel", reference_as_key("novels.novel", related_name="status")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("processing", "Processing"),
                            ("completed", "Completed"),
                            ("failed", "Failed"),
                        ],
                        default="pending",
                        max_length=10,
                    ),
                ),
                ("stage", models.CharField(blank=True, default="", max_length=40)),
                ("progress", models.PositiveSmallIntegerField(default=0)),
                ("message", models.CharField(blank=True, default="", max_length=500)),
                (
                    "warnings",
                    models.JSONField(
                        blank=True,
                        db_default=models.Value([], output_field=models.JSONField()),
                        default=list,
                    ),
                ),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("is_public", models.BooleanField(editable=False)),
                ("owner", reference(settings.AUTH_USER_MODEL, editable=False)),
            ],
            options={
                "verbose_name_plural": "processing statuses",
                "indexes": [
                    models.Index(
                        condition=~models.Q(state="completed"),
                        fields=["state", "novel"],
                        name="novels_status_unfinished_idx",
                    ),
                    models.Index(fields=["owner", "state"], name="novels_status_owner_idx"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            state__in=["pending", "processing", "completed", "failed"]
                        ),
                        name="novels_status_state_ck",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(progress__gte=0, progress__lte=100),
                        name="novels_status_progress_ck",
                    ),
                ],
            },
        ),
        run_sql_file("novels", "foreign_keys"),
        run_sql_file("novels", "policies"),
        run_sql_file("novels", "search_words"),
        run_sql_file("novels", "search"),
        run_sql_file("novels", "search_snippets"),
        run_sql_file("novels", "search_changes"),
        run_sql_file("novels", "cache_tags"),
    ]
