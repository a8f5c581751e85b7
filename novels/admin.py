"""Novels, their chapters and their processing in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import linebreaks_filter
from django.urls import reverse
from django.utils.html import format_html

from morpheus.admin.model_admins import MorpheusAdmin, PublishableAdmin, ReadOnlyAdmin
from novels.models import (
    Chapter,
    ChapterText,
    Genre,
    Language,
    Novel,
    NovelUpload,
    ProcessingStatus,
    SearchDocument,
)
from novels.services.novels import novel_delete, novel_set_visibility, novel_update
from novels.services.uploads import NothingToParse, novel_reparse

OWNERS_EMAIL = "full e-mail address of the owner"


class ReparsingAdmin(MorpheusAdmin):
    """Parses failed novels again; `failed` selects them among rows whose keys are the novels'."""

    failed: models.Q

    def has_reparse_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("novels.change_novel")

    @admin.action(description="Parse failed novels again", permissions=["reparse"])
    def reparse_failed(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        novel_ids = sorted(queryset.filter(self.failed).values_list("pk", flat=True))
        queued = 0
        for novel_id in novel_ids:
            try:
                novel_reparse(novel_id=novel_id)
                queued += 1
            except NothingToParse as error:
                self.message_user(request, str(error), messages.WARNING)
        self.message_user(
            request,
            f"{queued} of {len(novel_ids)} failed novels are queued for parsing.",
            messages.SUCCESS if queued else messages.WARNING,
        )


class ReferenceAdmin(MorpheusAdmin):
    """A small table that novels point to."""

    ordering = ("name",)
    search_prefixes = ("name",)
    search_help_text = "Start of the name, or id."

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Refuse to delete a row that novels refer to, without listing the novels."""
        column = str(self.opts.model_name)
        used = [str(obj) for obj in objs if Novel.objects.filter(**{column: obj}).exists()]
        protected = [f"{name} (used by novels)" for name in used]
        return (
            [str(obj) for obj in objs],
            {str(self.opts.verbose_name_plural): len(objs)},
            set(),
            protected,
        )


@admin.register(Genre)
class GenreAdmin(ReferenceAdmin):
    list_display = ["name", "slug"]
    prepopulated_fields = {"slug": ["name"]}


@admin.register(Language)
class LanguageAdmin(ReferenceAdmin):
    list_display = ["name", "code", "search_config"]


class ReadOnlyInline(admin.StackedInline):  # type: ignore[type-arg] # at run time
    """A row that belongs to the novel, and that only Morpheus writes."""

    can_delete = False
    # Django would show an empty form where there is no row.
    extra = 0

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class StatusInline(ReadOnlyInline):
    model = ProcessingStatus
    readonly_fields = ["state", "stage", "progress", "message", "warnings", "updated_at"]


class UploadInline(ReadOnlyInline):
    model = NovelUpload
    # The novel's, and a choice of all users.
    exclude = ["owner"]
    readonly_fields = ["filename", "size_bytes", "digest", "path", "uploaded_at"]


@admin.register(Novel)
class NovelAdmin(ReparsingAdmin, PublishableAdmin):
    """Novels are created from files, not here; changes go through the services."""

    # Without genre and language, which are filters, and word count: the list fits beside these.
    list_display = ["title", "author", "owner", "is_public", "state", "chapter_count", "created_at"]
    list_select_related = ["owner", "status"]
    list_defer = ("synopsis", "owner__bio", "owner__password")
    list_filter = ["status__state", "is_public", "genre", "language"]
    search_prefixes = ("title",)
    search_email = "owner__email"
    search_help_text = f"Start of the title (case-sensitive), {OWNERS_EMAIL}, or id."
    autocomplete_fields = ["genre", "language"]
    fields = [
        "title",
        "author",
        "synopsis",
        "genre",
        "language",
        "is_public",
        "owner",
        "chapters",
        "word_count",
        "created_at",
        "updated_at",
    ]
    readonly_fields = ["owner", "chapters", "word_count", "created_at", "updated_at"]
    inlines = [StatusInline, UploadInline]
    actions = [*PublishableAdmin.actions, "reparse_failed"]
    failed = models.Q(status__state=ProcessingStatus.State.FAILED)

    def get_inlines(self, request: HttpRequest, obj: Novel | None) -> list[Any]:
        """Leave out the heading of an upload that the novel does not have."""
        has_upload = NovelUpload.objects.filter(novel=obj).exists()
        return self.inlines if has_upload else [StatusInline]

    @admin.display(empty_value="-")
    def state(self, novel: Novel) -> str:
        return novel.status.state

    @admin.display
    def chapters(self, novel: Novel) -> str:
        url = reverse("admin:novels_chapter_changelist")
        return format_html(
            '<a href="{}?novel__id__exact={}">{} chapters</a>', url, novel.pk, novel.chapter_count
        )

    def save_model(self, request: HttpRequest, obj: Novel, form: Any, change: bool) -> None:
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        novel_update(novel_id=obj.pk, changes=changes)

    def delete_row(self, pk: int) -> None:
        novel_delete(novel_id=pk)

    def set_visibility(self, pks: list[int], is_public: bool) -> int:
        return novel_set_visibility(novel_ids=pks, is_public=is_public)


@admin.register(ProcessingStatus)
class ProcessingStatusAdmin(ReparsingAdmin, ReadOnlyAdmin):
    list_display = ["novel", "state", "stage", "progress", "message", "updated_at"]
    list_select_related = ["novel"]
    list_defer = ("novel__synopsis",)
    list_filter = ["state"]
    search_email = "novel__owner__email"
    search_help_text = f"Id of the novel, or {OWNERS_EMAIL}."
    actions = ["reparse_failed"]
    failed = models.Q(state=ProcessingStatus.State.FAILED)


@admin.register(NovelUpload)
class NovelUploadAdmin(ReadOnlyAdmin):
    list_display = ["filename", "novel", "owner", "size_bytes", "uploaded_at"]
    list_select_related = ["novel", "owner"]
    list_defer = ("novel__synopsis", "owner__bio", "owner__password")
    search_email = "owner__email"
    search_help_text = f"Id of the novel, or {OWNERS_EMAIL}."


@admin.register(Chapter)
class ChapterAdmin(ReadOnlyAdmin):
    """Chapters with their text; another parse replaces them."""

    list_display = ["title", "novel", "number", "word_count"]
    list_select_related = ["novel"]
    list_defer = ("novel__synopsis",)
    ordering = ("novel_id", "number")
    fields = ["novel", "number", "title", "word_count", "content"]
    search_numbers = ("novel_id",)
    search_email = "novel__owner__email"
    search_help_text = f"Id of the novel, or {OWNERS_EMAIL}."

    @admin.display(description="text", empty_value="-")
    def content(self, chapter: Chapter) -> str:
        return linebreaks_filter(chapter.text.content)


@admin.register(ChapterText)
class ChapterTextAdmin(ReadOnlyAdmin):
    list_display = ["chapter_id", "chapter"]
    list_select_related = ["chapter"]
    list_defer = ("content",)
    search_help_text = "Id of the chapter."


@admin.register(SearchDocument)
class SearchDocumentAdmin(ReadOnlyAdmin):
    """Documents of full-text search, without the vector."""

    list_display = ["id", "novel", "chapter"]
    list_select_related = ["novel", "chapter"]
    list_defer = ("vector", "novel__synopsis")
    fields = ["novel", "chapter"]
    search_numbers = ("pk", "novel_id")
    search_help_text = "Id of the document or the novel."
