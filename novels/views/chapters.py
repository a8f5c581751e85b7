"""The chapters of a novel, and its processing status."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request

from morpheus.api.lists import ListView
from morpheus.api.views import MorpheusAPIView
from novels.reads import CHAPTERS, chapter_read, status_read
from novels.serializers import ChapterSerializer, ChapterTextSerializer, StatusSerializer

# Seconds until a client that polls a status reads it again, by its state: an unfinished one changes
# up to four times a second, a finished one if the novel is parsed again.
POLL_INTERVAL_S = {"pending": "2", "processing": "1", "completed": "60", "failed": "60"}


class ChapterListView(ListView):
    """/api/v1/novels/{id}/chapters/."""

    read = CHAPTERS
    serializer_class = ChapterSerializer

    @extend_schema(operation_id="novels_chapters_list", responses=ChapterSerializer(many=True))
    def get(self, request: Request, novel_id: int) -> HttpResponse:
        """List the chapters of a novel by their numbers."""
        return self.respond_page(request, novel_id)


class ChapterView(MorpheusAPIView):
    """/api/v1/novels/{id}/chapters/{number}/."""

    serializer_class = ChapterTextSerializer
    has_fields = True

    @extend_schema(operation_id="novels_chapters_read")
    def get(self, request: Request, novel_id: int, number: int) -> HttpResponse:
        """Show a chapter with its text."""
        return self.respond(chapter_read(novel_id, number, self.reader_id))


class StatusView(MorpheusAPIView):
    """/api/v1/novels/{id}/status/."""

    serializer_class = StatusSerializer

    @extend_schema(
        operation_id="novels_status_read",
        parameters=[
            OpenApiParameter(
                "X-Poll-Interval",
                int,
                OpenApiParameter.HEADER,
                response=[200],
                description="Seconds until a client that polls reads the status again.",
            )
        ],
    )
    def get(self, request: Request, novel_id: int) -> HttpResponse:
        """Show the processing status of an uploaded novel."""
        status = status_read(novel_id, self.reader_id)
        response = self.respond(status)
        response["X-Poll-Interval"] = POLL_INTERVAL_S[status.value["state"]]
        return response
