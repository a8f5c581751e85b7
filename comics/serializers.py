"""Comics and panels as the API shows them and takes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.reverse import reverse

from comics.images import ImageRefused, Picture, picture_check
from comics.models import Comic, Panel
from comics.services.panels import PANEL_NUMBER_MAX
from morpheus.api.times import time_shown
from morpheus.db.name_fields import validate_name
from novels.serializers import (
    PRIVATE,
    PUBLIC,
    NovelSerializer,
    OwnerSerializer,
    StatusSerializer,
    VisibilityField,
)

# The most that a foreign key holds.
_BIGINT_MAX = 2**63 - 1


def image_version(digest: str) -> str:
    """Return what makes the URL of a picture change with its content."""
    return digest[:16]


class ComicNovelSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    title = serializers.CharField()


class ComicSerializer(serializers.ModelSerializer):
    """A comic; `novel` is null without one, and for whoever may not see it."""

    # Reads what `for_cards()` selects. The context's `reader_id` is who may see the name of a
    # private novel: its owner. None shows public novels only, the same to everyone.

    novel = serializers.SerializerMethodField()
    owner = OwnerSerializer(source="public_owner")
    visibility = VisibilityField()
    thumbnail_url = serializers.SerializerMethodField()

    class Meta:
        model = Comic
        fields = [
            "id",
            "title",
            "novel",
            "owner",
            "visibility",
            "panel_count",
            "thumbnail_url",
            "created_at",
            "updated_at",
        ]
        read_only_fields = fields

    @extend_schema_field(ComicNovelSerializer(allow_null=True))
    def get_novel(self, comic: Comic) -> dict[str, Any] | None:
        if not novel_is_shown(comic, self.context["reader_id"]):
            return None
        return {"id": comic.novel.id, "title": comic.novel.title}

    @extend_schema_field(serializers.URLField(allow_null=True))
    def get_thumbnail_url(self, comic: Comic) -> str | None:
        version = comic.cover and image_version(comic.cover.digest)
        return _thumbnail_url(comic.pk, version, self.context["request"])


def _thumbnail_url(comic_id: int, version: str | None, request: Request) -> str | None:
    if version is None:
        return None
    url = reverse("comic-thumbnail", [comic_id], request=request)
    return f"{url}?size=medium&v={version}"


def comic_card(row: tuple[Any, ...]) -> dict[str, Any]:
    """Return a row of `kept_cards()` as the cache keeps it.

    As `ComicSerializer` shows it, but of novel and owner the ids, and of the thumbnail the version:
    names change on their own, and URLs depend on the request.
    """
    card = dict(zip(ComicSerializer.Meta.fields, row, strict=True))
    card["visibility"] = PUBLIC if card["visibility"] else PRIVATE
    digest = card["thumbnail_url"]
    card["thumbnail_url"] = digest and image_version(digest)
    card["created_at"], card["updated_at"] = map(time_shown, row[-2:])
    return card


def with_thumbnail(comic: dict[str, Any], request: Request) -> dict[str, Any]:
    """Return a comic from the cache with the URL of its thumbnail, as the API shows it."""
    url = _thumbnail_url(comic["id"], comic["thumbnail_url"], request)
    return comic | {"thumbnail_url": url}


def novel_is_shown(comic: Comic, reader_id: int | None) -> bool:
    """Say whether a comic names its novel; one that row level security hides is None already."""
    novel = comic.novel
    return novel is not None and (
        novel.is_public or (reader_id is not None and novel.owner_id == reader_id)
    )


class ComicInput(serializers.Serializer):
    """What a client says of a comic."""

    title = serializers.CharField(max_length=300, validators=[validate_name])
    novel = serializers.IntegerField(
        min_value=1, max_value=_BIGINT_MAX, allow_null=True, required=False
    )
    visibility = VisibilityField(required=False)

    def changes(self) -> dict[str, Any]:
        """Return what was said, by the names that the services use."""
        said = dict(self.validated_data)
        if "novel" in said:
            said["novel_id"] = said.pop("novel")
        return said


class PanelSerializer(serializers.ModelSerializer):
    """A panel of a comic."""

    image_url = serializers.SerializerMethodField()
    width = serializers.IntegerField(source="image.width")
    height = serializers.IntegerField(source="image.height")

    class Meta:
        model = Panel
        fields = ["id", "number", "caption", "image_url", "width", "height"]
        read_only_fields = fields

    @extend_schema_field(OpenApiTypes.URI)
    def get_image_url(self, panel: Panel) -> str:
        where = _panels_url(panel.comic_id, self.context["request"])
        return _image_url(where, panel.number, panel.image.digest)


def panels_shown(
    rows: Iterable[dict[str, Any]], comic_id: int, request: Request
) -> list[dict[str, Any]]:
    """Return the rows of a page as `PanelSerializer` does."""
    where = _panels_url(comic_id, request)
    return [
        {
            "id": row["pk"],
            "number": row["number"],
            "caption": row["caption"],
            "image_url": _image_url(where, row["number"], row["image__digest"]),
            "width": row["image__width"],
            "height": row["image__height"],
        }
        for row in rows
    ]


def _panels_url(comic_id: int, request: Request) -> str:
    return reverse("comic-panels", [comic_id], request=request)


def _image_url(panels_url: str, number: int, digest: str) -> str:
    # Below the panels in `urls.py`; found there for each panel, it would cost more than its row.
    return f"{panels_url}{number}/image/?v={image_version(digest)}"


class PanelInput(serializers.Serializer):
    """A new panel; without a number it comes after the last one.

    Validation decodes the picture, in a child process: no transaction may be open.
    """

    number = serializers.IntegerField(min_value=1, max_value=PANEL_NUMBER_MAX, required=False)
    caption = serializers.CharField(max_length=500, allow_blank=True, default="")
    image = serializers.FileField()

    def validate_image(self, upload: UploadedFile) -> Picture:
        try:
            return picture_check(upload.read())
        except ImageRefused as refusal:
            raise serializers.ValidationError(str(refusal)) from refusal


class DashboardNovelSerializer(NovelSerializer):
    """A novel of mine and how far its parsing is."""

    status = StatusSerializer(allow_null=True)

    class Meta(NovelSerializer.Meta):
        fields = [*NovelSerializer.Meta.fields, "status"]
        read_only_fields = fields


class DashboardTotalsSerializer(serializers.Serializer):
    novels = serializers.IntegerField()
    novels_unfinished = serializers.IntegerField(help_text="Waiting or being parsed.")
    novels_failed = serializers.IntegerField()
    chapters = serializers.IntegerField()
    words = serializers.IntegerField()
    comics = serializers.IntegerField()
    panels = serializers.IntegerField()


class DashboardSerializer(serializers.Serializer):
    novels = DashboardNovelSerializer(many=True)
    comics = ComicSerializer(many=True)
    totals = DashboardTotalsSerializer()
