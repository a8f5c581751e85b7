"""What a novel consists of, and how far it is parsed."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from morpheus.api.views import MorpheusAPIView
from morpheus.cache.pagination import CachedKeysetPagination
from novels.cache_policies import CONTENTS
from novels.models import Chapter
from novels.querysets import ChapterQuerySet
from novels.reads import chapter_read, contents_tags, novel_access, novel_status
from novels.serializers import ChapterSerializer, ChapterTextSerializer, StatusSerializer


@extend_schema(tags=["novels"])
class ChapterListView(MorpheusAPIView):
    """/api/v1/novels/{id}/chapters/.

    Budget: none warm. Cold 2 queries (card, page), 3 for a private novel of mine.
    """

    serializer_class = ChapterSerializer
    pagination_class = CachedKeysetPagination
    page_policy = CONTENTS
    page_columns = ChapterSerializer.Meta.fields
    filter_backends = []
    orderings = {"number": ("number",)}
    queryset = Chapter.objects.none()  # What the OpenAPI document learns the model from.

    @property
    def page_reader_id(self) -> int | None:
        return None if self.answer_is_public else self.reader_id

    def page_tags(self, columns: list[str]) -> list[str]:
        return contents_tags(self.kwargs["novel_id"])

    def get_queryset(self) -> ChapterQuerySet:
        return Chapter.objects.of_novel(self.kwargs["novel_id"])

    @extend_schema(operation_id="novels_chapters_list", responses=ChapterSerializer(many=True))
    def get(self, request: Request, novel_id: int) -> Response:
        """List the chapters of a novel by their numbers."""
        rows = self._rows(novel_id)
        if not rows and self.answer_is_public:
            # What is public is read as nobody, who sees nothing of what became private meanwhile.
            rows = self._rows(novel_id)
        return self.get_paginated_response(self.get_serializer(rows, many=True).data)

    def _rows(self, novel_id: int) -> list[dict[str, Any]]:
        novel, self.answer_is_public = novel_access(novel_id, self.reader_id)
        if novel is None:
            raise Http404
        rows: list[dict[str, Any]] = self.paginate_queryset(
            self.filter_queryset(self.get_queryset())
        )
        return rows


@extend_schema(tags=["novels"])
class ChapterView(MorpheusAPIView):
    """/api/v1/novels/{id}/chapters/{number}/.

    Budget: none warm. Cold 1 query, 2 for a private novel of mine.
    """

    serializer_class = ChapterTextSerializer

    @extend_schema(operation_id="novels_chapters_read")
    def get(self, request: Request, novel_id: int, number: int) -> Response:
        """Show a chapter with its text."""
        chapter, self.answer_is_public = chapter_read(novel_id, number, self.reader_id)
        if chapter is None:
            raise Http404
        return Response(chapter)


@extend_schema(tags=["novels"])
class StatusView(MorpheusAPIView):
    """/api/v1/novels/{id}/status/.

    Budget: none warm. Cold 1 query, 2 for a private novel of mine.
    """

    serializer_class = StatusSerializer

    @extend_schema(operation_id="novels_status_read")
    def get(self, request: Request, novel_id: int) -> Response:
        """Show how far the upload of a novel is parsed."""
        status, self.answer_is_public = novel_status(novel_id, self.reader_id)
        if status is None:
            raise Http404
        return Response(status)
