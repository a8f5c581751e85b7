"""Novels, chapters, texts, search documents, uploads and processing states.

To recover from an interruption, migrate again: the migration is one transaction.
"""

import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Chapter",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                ("title", models.CharField(max_length=300)),
                ("word_count", models.PositiveIntegerField(default=0)),
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
            ],
        ),
        migrations.CreateModel(
            name="Genre",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("slug", models.SlugField(max_length=40, unique=True)),
                ("name", models.CharField(max_length=80)),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="Language",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.CharField(max_length=8, unique=True)),
                ("name", models.CharField(max_length=80)),
                ("search_config", models.CharField(default="simple", max_length=40)),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="Novel",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("title", models.CharField(db_collation="C", max_length=300)),
                ("author", models.CharField(blank=True, default="", max_length=200)),
                ("synopsis", models.TextField(blank=True, default="", max_length=5000)),
                ("is_public", models.BooleanField(default=False)),
                ("word_count", models.PositiveIntegerField(default=0)),
                ("chapter_count", models.PositiveIntegerField(default=0)),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "genre",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="novels.genre",
                    ),
                ),
                (
                    "language",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="novels.language",
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="novels",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ChapterText",
            fields=[
                (
                    "chapter",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="text",
                        serialize=False,
                        to="novels.chapter",
                    ),
                ),
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
                ("content", models.TextField()),
            ],
        ),
        migrations.AddField(
            model_name="chapter",
            name="novel",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="chapters",
                to="novels.novel",
            ),
        ),
        migrations.CreateModel(
            name="SearchDocument",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("vector", django.contrib.postgres.search.SearchVectorField()),
                (
                    "chapter",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="novels.chapter",
                    ),
                ),
                (
                    "novel",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="novels.novel",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="NovelUpload",
            fields=[
                (
                    "novel",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="upload",
                        serialize=False,
                        to="novels.novel",
                    ),
                ),
                ("digest", models.CharField(max_length=64)),
                ("filename", models.CharField(max_length=255)),
                ("path", models.CharField(max_length=255)),
                ("size_bytes", models.PositiveIntegerField()),
                ("uploaded_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "owner",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ProcessingStatus",
            fields=[
                (
                    "novel",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="status",
                        serialize=False,
                        to="novels.novel",
                    ),
                ),
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
                ("updated_at", models.DateTimeField(auto_now=True)),
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
            ],
            options={
                "verbose_name_plural": "processing statuses",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "completed"), _negated=True),
                        fields=["state", "novel"],
                        name="novels_status_unfinished_idx",
                    ),
                    models.Index(fields=["owner", "state"], name="novels_status_owner_idx"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["pending", "processing", "completed", "failed"])
                        ),
                        name="novels_status_state_ck",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("progress__gte", 0), ("progress__lte", 100)),
                        name="novels_status_progress_ck",
                    ),
                ],
            },
        ),
        migrations.AddIndex(
            model_name="novel",
            index=models.Index(
                include=(
                    "owner",
                    "is_public",
                ),
                condition=models.Q(("is_public", True)),
                fields=["created_at", "id"],
                name="novels_novel_newest_idx",
            ),
        ),
        migrations.AddIndex(
            model_name="novel",
            index=models.Index(
                include=(
                    "owner",
                    "is_public",
                ),
                condition=models.Q(("is_public", True)),
                fields=["title", "id"],
                name="novels_novel_title_idx",
            ),
        ),
        migrations.AddIndex(
            model_name="novel",
            index=models.Index(
                include=(
                    "owner",
                    "is_public",
                ),
                condition=models.Q(("is_public", True)),
                fields=["word_count", "id"],
                name="novels_novel_words_idx",
            ),
        ),
        migrations.AddIndex(
            model_name="novel",
            index=models.Index(
                include=(
                    "owner",
                    "is_public",
                ),
                condition=models.Q(("is_public", True)),
                fields=["genre", "created_at", "id"],
                name="novels_novel_genre_newest_idx",
            ),
        ),
        migrations.AddIndex(
            model_name="novel",
            index=models.Index(
                include=(
                    "owner",
                    "is_public",
                ),
                condition=models.Q(("is_public", True)),
                fields=["genre", "title", "id"],
                name="novels_novel_genre_title_idx",
            ),
        ),
        migrations.AddIndex(
            model_name="novel",
            index=models.Index(
                include=(
                    "owner",
                    "is_public",
                ),
                condition=models.Q(("is_public", True)),
                fields=["genre", "word_count", "id"],
                name="novels_novel_genre_words_idx",
            ),
        ),
        migrations.AddIndex(
            model_name="novel",
            index=models.Index(
                include=(
                    "owner",
                    "is_public",
                ),
                condition=models.Q(("is_public", True)),
                fields=["language", "created_at", "id"],
                name="novels_novel_lang_newest_idx",
            ),
        ),
        migrations.AddIndex(
            model_name="novel",
            index=models.Index(
                include=(
                    "owner",
                    "is_public",
                ),
                condition=models.Q(("is_public", True)),
                fields=["language", "title", "id"],
                name="novels_novel_lang_title_idx",
            ),
        ),
        migrations.AddIndex(
            model_name="novel",
            index=models.Index(
                include=(
                    "owner",
                    "is_public",
                ),
                condition=models.Q(("is_public", True)),
                fields=["language", "word_count", "id"],
                name="novels_novel_lang_words_idx",
            ),
        ),
        migrations.AddIndex(
            model_name="novel",
            index=models.Index(
                include=(
                    "owner",
                    "is_public",
                ),
                condition=models.Q(("is_public", True)),
                fields=["author", "created_at", "id"],
                name="novels_novel_author_newest_idx",
            ),
        ),
        migrations.AddIndex(
            model_name="novel",
            index=models.Index(
                include=(
                    "owner",
                    "is_public",
                ),
                condition=models.Q(("is_public", True)),
                fields=["author", "title", "id"],
                name="novels_novel_author_title_idx",
            ),
        ),
        migrations.AddIndex(
            model_name="novel",
            index=models.Index(
                include=(
                    "owner",
                    "is_public",
                ),
                condition=models.Q(("is_public", True)),
                fields=["author", "word_count", "id"],
                name="novels_novel_author_words_idx",
            ),
        ),
        migrations.AddIndex(
            model_name="novel",
            index=models.Index(
                include=("is_public",),
                condition=models.Q(("is_public", True)),
                fields=["owner", "created_at", "id"],
                name="novels_novel_owner_newest_idx",
            ),
        ),
        migrations.AddIndex(
            model_name="novel",
            index=models.Index(
                include=("is_public",),
                condition=models.Q(("is_public", True)),
                fields=["owner", "title", "id"],
                name="novels_novel_owner_title_idx",
            ),
        ),
        migrations.AddIndex(
            model_name="novel",
            index=models.Index(
                include=("is_public",),
                condition=models.Q(("is_public", True)),
                fields=["owner", "word_count", "id"],
                name="novels_novel_owner_words_idx",
            ),
        ),
        migrations.AddIndex(
            model_name="novel",
            index=models.Index(
                include=(
                    "owner",
                    "is_public",
                ),
                condition=models.Q(("is_public", True)),
                fields=["genre", "language", "created_at", "id"],
                name="novels_novel_genre_lang_idx",
            ),
        ),
        migrations.AddIndex(
            model_name="novel",
            index=models.Index(
                include=("is_public",),
                fields=["owner", "created_at", "id"],
                name="novels_novel_mine_newest_idx",
            ),
        ),
        migrations.AddIndex(
            model_name="novel",
            index=models.Index(
                include=("is_public",),
                fields=["owner", "title", "id"],
                name="novels_novel_mine_title_idx",
            ),
        ),
        migrations.AddIndex(
            model_name="novel",
            index=models.Index(
                include=("is_public",),
                fields=["owner", "word_count", "id"],
                name="novels_novel_mine_words_idx",
            ),
        ),
        migrations.AddConstraint(
            model_name="chapter",
            constraint=models.UniqueConstraint(
                fields=("novel", "number"), name="novels_chapter_number_uq"
            ),
        ),
        migrations.AddConstraint(
            model_name="chapter",
            constraint=models.CheckConstraint(
                condition=models.Q(("number__gte", 1)), name="novels_chapter_number_ck"
            ),
        ),
        migrations.AddIndex(
            model_name="searchdocument",
            index=django.contrib.postgres.indexes.GinIndex(
                fastupdate=False, fields=["vector"], name="novels_search_vector_idx"
            ),
        ),
        migrations.AddIndex(
            model_name="searchdocument",
            index=models.Index(fields=["novel"], name="novels_search_novel_idx"),
        ),
        migrations.AddIndex(
            model_name="searchdocument",
            index=models.Index(fields=["chapter"], name="novels_search_chapter_idx"),
        ),
        migrations.AddConstraint(
            model_name="novelupload",
            constraint=models.UniqueConstraint(
                fields=("owner", "digest"), name="novels_upload_owner_digest_uq"
            ),
        ),
    ]
