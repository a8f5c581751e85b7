"""What a novel consists of, and how far it is parsed."""

from __future__ import annotations

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from morpheus.views import MorpheusAPIView
from novels.models import Chapter, Novel
from novels.querysets import ChapterQuerySet
from novels.serializers import ChapterSerializer, ChapterTextSerializer, StatusSerializer


@extend_schema(tags=["novels"])
class ChapterListView(ListModelMixin, MorpheusAPIView):
    """/api/v1/novels/{id}/chapters/. Budget: 2 queries."""

    serializer_class = ChapterSerializer
    filter_backends = []
    orderings = {"number": ("number",)}
    queryset = Chapter.objects.none()  # What the OpenAPI document learns the model from.

    def get_queryset(self) -> ChapterQuerySet:
        return Chapter.objects.of_novel(self.kwargs["pk"]).for_contents()

    @extend_schema(operation_id="novels_chapters_list")
    def get(self, request: Request, pk: int) -> Response:
        """List the chapters of a novel by their numbers."""
        novels = Novel.objects.visible_to(self.reader_id).only("is_public")
        self.answer_is_public = get_object_or_404(novels, pk=pk).is_public
        return self.list(request)


@extend_schema(tags=["novels"])
class ChapterView(MorpheusAPIView):
    """/api/v1/novels/{id}/chapters/{number}/. Budget: 1 query."""

    serializer_class = ChapterTextSerializer

    @extend_schema(operation_id="novels_chapters_read")
    def get(self, request: Request, pk: int, number: int) -> Response:
        """Show a chapter with its text."""
        chapters = Chapter.objects.of_novel(pk).visible_to(self.reader_id).for_reader()
        chapter = get_object_or_404(chapters, number=number)
        self.answer_is_public = chapter.novel.is_public
        return Response(ChapterTextSerializer(chapter).data)


@extend_schema(tags=["novels"])
class StatusView(MorpheusAPIView):
    """/api/v1/novels/{id}/status/. Budget: 1 query."""

    serializer_class = StatusSerializer

    @extend_schema(operation_id="novels_status_read")
    def get(self, request: Request, pk: int) -> Response:
        """Show how far the upload of a novel is parsed."""
        novels = Novel.objects.visible_to(self.reader_id).for_status()
        novel = get_object_or_404(novels, pk=pk)
        self.answer_is_public = novel.is_public
        return Response(StatusSerializer(novel.status).data)
