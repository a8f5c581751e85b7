"""Novels, their chapters and processing statuses.

Tables are cut by temperature: what lists read, what only a reader of one chapter reads,
and what a running parse writes every second stand apart.
"""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from morpheus.db.name_fields import NameField
from morpheus.db.schema import list_index, public_owner, reference, reference_as_key
from novels.querysets import (
    ChapterQuerySet,
    NovelQuerySet,
    PublicCountManager,
    StatusQuerySet,
    UploadManager,
)
from users.models import Belonging, User

# Titles are ordered by code point. This order is the same in every PostgreSQL and never changes
# under an index, as that of a language's collation may with the operating system (docs/limits.md);
# and comparing is leakproof, so that row level security keeps the title indexes.
TITLE_COLLATION = "C"


class Genre(models.Model):
    """A genre; rarely written, named by its slug in the API."""

    slug = models.SlugField(max_length=40, unique=True)
    name = NameField(max_length=80)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return str(self.name)


class Language(models.Model):
    """A language; rarely written, named by its ISO 639-1 code in the API."""

    code = models.CharField(max_length=8, unique=True)
    name = NameField(max_length=80)
    # PostgreSQL's text search configuration for texts in this language.
    search_config = models.CharField(max_length=40, default="simple")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return str(self.name)


class Novel(models.Model):
    """A novel; `word_count` and `chapter_count` are set by its parse."""

    title = NameField(max_length=300, db_collation=TITLE_COLLATION)
    author = NameField(max_length=200, blank=True, default="")
    synopsis = models.TextField(max_length=5000, blank=True, default="")
    genre = models.ForeignKey(
        Genre, on_delete=models.PROTECT, null=True, blank=True, db_index=False, related_name="+"
    )
    language = models.ForeignKey(
        Language, on_delete=models.PROTECT, null=True, blank=True, db_index=False, related_name="+"
    )
    is_public = models.BooleanField(default=False)
    word_count = models.PositiveIntegerField(default=0)
    chapter_count = models.PositiveIntegerField(default=0)
    owner = reference(User, related_name="novels")
    public_owner = public_owner()
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    objects = NovelQuerySet.as_manager()

    class Meta:
        # GET /novels/: each filter with each ordering, over public novels; an index is read in both
        # directions, so it serves the ascending and the descending ordering.
        indexes = [
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
            # GET /novels/?genre=&language=
            list_index("novels_novel_genre_lang_idx", "genre", "language", "created_at", "id"),
            # GET /novels/?owner=me, GET /users/me/dashboard/; the foreign key's own look-ups.
            list_index(
                "novels_novel_mine_newest_idx", "owner", "created_at", "id", public_only=False
            ),
            list_index("novels_novel_mine_title_idx", "owner", "title", "id", public_only=False),
            list_index(
                "novels_novel_mine_words_idx",
                "owner",
                "word_count",
                "id",
                include=("chapter_count",),
                public_only=False,
            ),
        ]

    def __str__(self) -> str:
        return str(self.title)


class PublicCount(models.Model):
    """A part of the number of public novels of one genre, or in one language.

    Triggers alone write it (sql/public_counts.sql); the number is the sum of its parts.
    """

    genre = reference(Genre, null=True)
    language = reference(Language, null=True)
    novels = models.IntegerField()

    objects = PublicCountManager()

    class Meta:
        indexes = [
            # GET /genres/ and GET /languages/; adding to a number, and the foreign keys' own.
            models.Index(fields=["genre"], name="novels_publiccount_genre_idx"),
            models.Index(fields=["language"], name="novels_publiccount_lang_idx"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(genre__isnull=False, language__isnull=True)
                | Q(genre__isnull=True, language__isnull=False),
                name="novels_publiccount_one_ck",
            )
        ]

    def __str__(self) -> str:
        return f"{self.novels} novels"


class NovelUpload(models.Model):
    """The uploaded file of a novel; it is stored so that it can be parsed again.

    One owner has each file once: `digest` is its SHA-256 in hexadecimal.
    """

    novel = reference_as_key(Novel, related_name="upload")
    owner = reference(User)
    digest = models.CharField(max_length=64)
    filename = models.CharField(max_length=255)
    path = models.CharField(max_length=255)
    size_bytes = models.PositiveIntegerField()
    uploaded_at = models.DateTimeField(default=timezone.now)

    objects = UploadManager()

    class Meta:
        indexes = [
            # POST /novels/ and POST /comics/{id}/panels/ (the quota), GET /users/me/.
            models.Index(
                fields=["owner"], include=["size_bytes"], name="novels_upload_owner_size_idx"
            ),
        ]
        constraints = [
            # POST /novels/: the same file twice by one owner is one novel.
            models.UniqueConstraint(
                fields=["owner", "digest"], name="novels_upload_owner_digest_uq"
            ),
        ]

    def __str__(self) -> str:
        return self.filename


class Chapter(Belonging):
    """One line of a novel's table of contents; numbers run from 1."""

    novel = reference(Novel, related_name="chapters")
    number = models.PositiveIntegerField()
    title = models.CharField(max_length=300)
    word_count = models.PositiveIntegerField(default=0)

    objects = ChapterQuerySet.as_manager()

    class Meta:
        constraints = [
            # GET /novels/{id}/chapters/ and …/chapters/{number}/.
            models.UniqueConstraint(fields=["novel", "number"], name="novels_chapter_number_uq"),
            models.CheckConstraint(condition=Q(number__gte=1), name="novels_chapter_number_ck"),
        ]

    def __str__(self) -> str:
        return f"{self.number}. {self.title}"


class ChapterText(Belonging):
    """The text of a chapter; it has a table of its own, because it can be megabytes."""

    chapter = reference_as_key(Chapter, related_name="text")
    content = models.TextField()

    def __str__(self) -> str:
        return f"text of chapter {self.chapter_id}"


class SearchDocument(models.Model):
    """A document for full-text search: one row per novel (title, author, synopsis) and per chapter.

    Written by `novels.search.documents` alone. `chapter` is empty for the novel's own row.
    """

    novel = reference(Novel)
    chapter = reference("novels.Chapter", null=True)
    vector = SearchVectorField()

    class Meta:
        indexes = [
            # GET /search/. No pending list: each search would read it through.
            GinIndex(fields=["vector"], name="novels_search_vector_idx", fastupdate=False),
            # Rebuilding and deleting the documents of one novel, its own alone, and of one chapter.
            models.Index(fields=["novel", "chapter"], name="novels_search_novel_idx"),
            models.Index(fields=["chapter"], name="novels_search_chapter_idx"),
        ]

    def __str__(self) -> str:
        return f"search document {self.pk} of novel {self.novel_id}"


class ProcessingStatus(Belonging):
    """The processing status of a novel; a running parse updates only this row.

    Moves `pending → processing → completed | failed`, and back to `pending` when parsed again.
    """

    class State(models.TextChoices):
        PENDING = "pending"
        PROCESSING = "processing"
        COMPLETED = "completed"
        FAILED = "failed"

    novel = reference_as_key(Novel, related_name="status")
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    stage = models.CharField(max_length=40, blank=True, default="")
    progress = models.PositiveSmallIntegerField(default=0)
    # Of a failed parse why, of a completed one what the warnings say.
    message = models.CharField(max_length=500, blank=True, default="")
    # What the import left out or repaired: `{"code", "detail"}` each.
    warnings = models.JSONField(
        blank=True,
        default=list,
        db_default=models.Value([], output_field=models.JSONField()),
    )
    updated_at = models.DateTimeField(auto_now=True)

    objects = StatusQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "processing statuses"
        indexes = [
            # Admin: the failed, the waiting. Completed rows, nearly all, are not in it.
            models.Index(
                fields=["state", "novel"],
                name="novels_status_unfinished_idx",
                condition=~Q(state="completed"),
            ),
            # GET /users/me/dashboard/: one owner's, counted.
            models.Index(fields=["owner", "state"], name="novels_status_owner_idx"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["pending", "processing", "completed", "failed"]),
                name="novels_status_state_ck",
            ),
            models.CheckConstraint(
                condition=Q(progress__gte=0, progress__lte=100), name="novels_status_progress_ck"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.state} {self.progress}%"
