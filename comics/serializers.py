"""The JSON of comics and panels; `morpheus.api.rendering` renders the rows."""

from __future__ import annotations

from typing import Any

from django.core.files.uploadedfile import UploadedFile
from rest_framework import serializers

from comics.images.decoding import Picture
from comics.images.sandboxed import picture_check
from comics.images.structure import ImageRefused
from comics.models import Comic, Panel
from comics.services.panels import PANEL_NUMBER_MAX
from morpheus.api.bulk import IdListField
from morpheus.api.reads import BIGINT_MAX
from morpheus.db.name_fields import validate_name
from novels.serializers import NovelSerializer, OwnerSerializer, StatusSerializer, VisibilityField


class ComicNovelSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    title = serializers.CharField()


class ComicSerializer(serializers.ModelSerializer[Any]):
    """A comic; `novel` is null without one, and for callers that cannot see it."""

    novel = ComicNovelSerializer(allow_null=True)
    owner = OwnerSerializer(source="public_owner")
    visibility = VisibilityField()
    thumbnail_url = serializers.URLField(allow_null=True)

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


class ComicCreateInput(serializers.Serializer[Any]):
    """A new comic; it is private by default."""

    title = serializers.CharField(max_length=300, validators=[validate_name])
    novel = serializers.IntegerField(
        min_value=1, max_value=BIGINT_MAX, allow_null=True, required=False, source="novel_id"
    )
    visibility = VisibilityField(required=False)


class ComicUpdateInput(ComicCreateInput):
    """The fields that an owner can change."""


class PanelSerializer(serializers.ModelSerializer[Any]):
    """A panel of a comic."""

    image_url = serializers.URLField()
    width = serializers.IntegerField(source="image.width")
    height = serializers.IntegerField(source="image.height")

    class Meta:
        model = Panel
        fields = ["id", "number", "caption", "image_url", "width", "height"]
        read_only_fields = fields


class PanelCaptionInput(serializers.Serializer[Any]):
    """The caption of a panel."""

    caption = serializers.CharField(max_length=500, allow_blank=True, default="")


class PanelUpdateInput(PanelCaptionInput):
    """What an owner can change of a panel; an `image` replaces its picture.

    Validation decodes the image in a child process: no transaction may be open.
    """

    image = serializers.FileField()

    def validate_image(self, upload: UploadedFile[Any]) -> Picture:
        try:
            return picture_check(upload.read())
        except ImageRefused as refusal:
            raise serializers.ValidationError(str(refusal), "bad_picture") from refusal


class PanelCreateInput(PanelUpdateInput):
    """A new panel; without a number it becomes the last one."""

    number = serializers.IntegerField(min_value=1, max_value=PANEL_NUMBER_MAX, required=False)


class PanelOrderInput(serializers.Serializer[Any]):
    """The ids of all panels of a comic in their new order."""

    panels = IdListField(max_length=PANEL_NUMBER_MAX)


class DashboardNovelSerializer(NovelSerializer):
    """A novel of mine with its processing status."""

    status = StatusSerializer(allow_null=True)

    class Meta(NovelSerializer.Meta):
        fields = [*NovelSerializer.Meta.fields, "status"]
        read_only_fields = fields


class DashboardTotalsSerializer(serializers.Serializer[Any]):
    novels = serializers.IntegerField()
    novels_unfinished = serializers.IntegerField(help_text="Waiting or being parsed.")
    novels_failed = serializers.IntegerField()
    chapters = serializers.IntegerField()
    words = serializers.IntegerField()
    comics = serializers.IntegerField()
    panels = serializers.IntegerField()


class DashboardSerializer(serializers.Serializer[Any]):
    novels = DashboardNovelSerializer(many=True)
    comics = ComicSerializer(many=True)
    totals = DashboardTotalsSerializer()
