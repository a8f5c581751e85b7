"""Comics, their panels and images in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from comics.models import Comic, Image, Panel, Rendition
from comics.services.comics import comic_delete, comic_set_visibility, comic_update
from morpheus.admin.model_admins import PublishableAdmin, ReadOnlyAdmin
from novels.admin import OWNERS_EMAIL


@admin.register(Comic)
class ComicAdmin(PublishableAdmin):
    """Comics are created by their owners, not here; changes go through the services."""

    list_display = ["title", "novel", "owner", "is_public", "panel_count", "created_at"]
    list_select_related = ["novel", "owner"]
    list_defer = ("novel__synopsis", "owner__bio", "owner__password")
    list_filter = ["is_public"]
    search_prefixes = ("title",)
    search_email = "owner__email"
    search_help_text = f"Start of the title (case-sensitive), {OWNERS_EMAIL}, or id."
    fields = ["title", "is_public", "novel", "owner", "panels", "created_at", "updated_at"]
    readonly_fields = ["novel", "owner", "panels", "created_at", "updated_at"]

    @admin.display
    def panels(self, comic: Comic) -> str:
        url = reverse("admin:comics_panel_changelist")
        return format_html(
            '<a href="{}?comic__id__exact={}">{} panels</a>', url, comic.pk, comic.panel_count
        )

    def save_model(self, request: HttpRequest, obj: Comic, form: Any, change: bool) -> None:
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        comic_update(comic_id=obj.pk, **changes)

    def delete_row(self, pk: int) -> None:
        comic_delete(comic_id=pk)

    def set_visibility(self, pks: list[int], is_public: bool) -> int:
        return comic_set_visibility(comic_ids=pks, is_public=is_public)


@admin.register(Panel)
class PanelAdmin(ReadOnlyAdmin):
    list_display = ["id", "comic", "number", "caption", "image"]
    list_select_related = ["comic", "image"]
    ordering = ("comic_id", "number")
    search_numbers = ("comic_id",)
    search_email = "comic__owner__email"
    search_help_text = f"Id of the comic, or {OWNERS_EMAIL}."


@admin.register(Image)
class ImageAdmin(ReadOnlyAdmin):
    list_display = ["id", "digest", "media_type", "width", "height", "size_bytes"]
    search_prefixes = ("digest",)
    search_help_text = "Start of the SHA-256 digest, or id."


@admin.register(Rendition)
class RenditionAdmin(ReadOnlyAdmin):
    list_display = ["id", "image", "size", "media_type", "width", "height", "size_bytes"]
    list_select_related = ["image"]
    search_numbers = ("pk", "image_id")
    search_help_text = "Id of the rendition or the image."
