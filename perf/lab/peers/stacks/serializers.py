"""Nested model serializers of both peers on DRF, and JSON by orjson."""

from __future__ import annotations

from typing import Any

import orjson
from rest_framework import serializers
from rest_framework.renderers import BaseRenderer

from .models import Novel, Panel, Status, User


class OrjsonRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, *args: Any, **options: Any) -> bytes:
        return orjson.dumps(data)


class OwnerSerializer(serializers.ModelSerializer):
    class Meta:
        model = User
        fields = ["id", "display_name"]


class NovelSerializer(serializers.ModelSerializer):
    genre = serializers.CharField(source="genre.slug", default=None)
    language = serializers.CharField(source="language.code", default=None)
    visibility = serializers.SerializerMethodField()
    owner = OwnerSerializer()

    class Meta:
        model = Novel
        fields = [
            "id",
            "title",
            "author",
            "synopsis",
            "genre",
            "language",
            "visibility",
            "word_count",
            "chapter_count",
            "owner",
            "created_at",
            "updated_at",
        ]

    def get_visibility(self, novel: Any) -> str:
        return "public" if novel.is_public else "private"


class StatusSerializer(serializers.ModelSerializer):
    novel = serializers.IntegerField(source="novel_id")

    class Meta:
        model = Status
        fields = ["novel", "state", "stage", "progress", "message", "warnings", "updated_at"]


class PanelSerializer(serializers.ModelSerializer):
    image_url = serializers.SerializerMethodField()
    width = serializers.IntegerField(source="image.width")
    height = serializers.IntegerField(source="image.height")

    class Meta:
        model = Panel
        fields = ["id", "number", "caption", "image_url", "width", "height"]

    def get_image_url(self, panel: Any) -> str:
        path = f"/api/v1/comics/{panel.comic_id}/panels/{panel.number}/image/"
        url = self.context["request"].build_absolute_uri(path)
        return f"{url}?v={panel.image.digest[:16]}"
