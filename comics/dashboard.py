"""GET /users/me/dashboard/: what its owner wants to see first."""

from __future__ import annotations

from typing import Any

from django.db.models import BigIntegerField, Count, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from comics.models import Comic
from comics.serializers import ComicSerializer
from morpheus.pagination import found_first
from morpheus.views import MorpheusAPIView
from novels.models import Novel
from novels.serializers import NovelSerializer, StatusSerializer

# Of novels and of comics; the rest is a click away, by `owner=me`.
NEWEST = 5


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


class DashboardView(MorpheusAPIView):
    """GET /api/v1/users/me/dashboard/. Budget: 5 queries."""

    permission_classes = [IsAuthenticated]
    serializer_class = DashboardSerializer

    @extend_schema(operation_id="users_me_dashboard", tags=["users"])
    def get(self, request: Request) -> Response:
        """Show my newest novels with their processing state, my newest comics, and totals."""
        novels = Novel.objects.owned_by(request.user.pk)
        comics = Comic.objects.owned_by(request.user.pk)
        shown = {
            "novels": _newest(novels.for_cards().prefetch_related("status")),
            "comics": _newest(comics.for_cards()),
            "totals": _novel_totals(novels) | comics.totals(),
        }
        return Response(self.get_serializer(shown).data)

    def get_serializer_context(self) -> dict[str, Any]:
        return super().get_serializer_context() | {"reader_id": self.reader_id}


def _newest(rows: QuerySet[Any]) -> QuerySet[Any]:
    return found_first(rows.order_by("-created_at", "-id"), NEWEST)


def _novel_totals(novels: QuerySet[Novel]) -> dict[str, int]:
    """Count one owner's novels by state, their chapters and words: one query."""
    return novels.aggregate(
        novels=Count("pk"),
        novels_unfinished=Count("pk", filter=Q(status__state__in=["pending", "processing"])),
        novels_failed=Count("pk", filter=Q(status__state="failed")),
        chapters=_sum("chapter_count"),
        words=_sum("word_count"),
    )


def _sum(column: str) -> Coalesce:
    return Coalesce(Sum(column), 0, output_field=BigIntegerField())
