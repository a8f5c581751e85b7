"""Reading progress: of one novel or comic, of many, and what a user is reading."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.permissions import SAFE_METHODS, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from comics.reading.models import Progress
from comics.reading.reads import READING, progress_read, progress_render
from comics.reading.serializers import (
    ComicPlaceInput,
    NovelPlaceInput,
    PlaceInput,
    ProgressInput,
    ProgressResultSerializer,
    ProgressSerializer,
    ReadingSerializer,
)
from comics.reading.services import WorkNotFound, progress_delete, progress_store
from morpheus.api.conditions import require_match
from morpheus.api.lists import ListView
from morpheus.api.reads import BIGINT_MAX, Row
from morpheus.api.views import MorpheusAPIView
from morpheus.cache.cached_reads import VisibleValue
from morpheus.db.postgresql.times import format_time

_READ_AT = "2026-11-30T12:00:00.000000Z"
_NOVEL_PLACE = {
    "novel": 42,
    "comic": None,
    "chapter": 7,
    "panel": None,
    "position": 0.25,
    "finished": False,
    "read_at": _READ_AT,
}
_COMIC_PLACE = _NOVEL_PLACE | {
    "novel": None,
    "comic": 3,
    "chapter": None,
    "panel": 12,
    "position": 0.0,
}


def _response(name: str, value: Any) -> OpenApiExample:
    return OpenApiExample(name, value, response_only=True, status_codes=["200"])


_NOVEL_EXAMPLE = _response("A place in a novel", _NOVEL_PLACE)
_COMIC_EXAMPLE = _response("A place in a comic", _COMIC_PLACE)
_STORED = {200: OpenApiResponse(ProgressSerializer, "The place that is stored now.")}


class ProgressView(MorpheusAPIView):
    """Base of the caller's place in one work.

    Attributes:
        kind: `novel` or `comic`.
    """

    permission_classes = [IsAuthenticated]
    serializer_class = ProgressSerializer
    # The service opens the transaction of PUT.
    without_transaction = frozenset({*SAFE_METHODS, "PUT"})
    conditional_methods = frozenset({"DELETE"})
    kind: str

    def respond_place(self, pk: int) -> HttpResponse:
        return self.respond(VisibleValue(progress_read(self.kind, pk, self.user.pk), False))

    def store_place(self, pk: int, form: type[PlaceInput]) -> Response:
        place = Progress(**{f"{self.kind}_id": pk}, **self.read_input(form))
        if pk > BIGINT_MAX:
            raise WorkNotFound
        [result] = progress_store(user_id=self.user.pk, entries=[place])
        if not isinstance(result, Progress):
            raise result
        return Response(_render(result))

    def delete_place(self, pk: int) -> Response:
        user_id = self.user.pk
        if pk > BIGINT_MAX:
            raise WorkNotFound
        require_match(
            self.request,
            Progress.objects.of_work(user_id, self.kind, pk),
            lambda: progress_read(self.kind, pk, user_id),
        )
        is_deleted = progress_delete(user_id=user_id, kind=self.kind, pk=pk)
        if not is_deleted and progress_read(self.kind, pk, user_id) is None:
            raise WorkNotFound
        return Response(status=status.HTTP_204_NO_CONTENT)


class NovelProgressView(ProgressView):
    """/api/v1/novels/{id}/progress/."""

    kind = "novel"

    @extend_schema(operation_id="novels_progress_read", examples=[_NOVEL_EXAMPLE])
    def get(self, request: Request, novel_id: int) -> HttpResponse:
        """Show my place in a novel; before the first one, `read_at` is null."""
        return self.respond_place(novel_id)

    @extend_schema(
        operation_id="novels_progress_update",
        request=NovelPlaceInput,
        responses=_STORED,
        examples=[
            OpenApiExample(
                "A quarter of chapter 7",
                {"chapter": 7, "position": 0.25, "finished": False, "read_at": _READ_AT},
                request_only=True,
            ),
            _NOVEL_EXAMPLE,
        ],
    )
    def put(self, request: Request, novel_id: int) -> Response:
        """Store my place in a novel.

        The newest `read_at` wins, whatever the order of the requests: an older one, or the same
        one again, changes nothing. The response shows the place that is stored now.
        """
        return self.store_place(novel_id, NovelPlaceInput)

    @extend_schema(operation_id="novels_progress_delete", responses={204: None})
    def delete(self, request: Request, novel_id: int) -> Response:
        """Forget my place in a novel; 204 also if there was none."""
        return self.delete_place(novel_id)


class ComicProgressView(ProgressView):
    """/api/v1/comics/{id}/progress/."""

    kind = "comic"

    @extend_schema(operation_id="comics_progress_read", examples=[_COMIC_EXAMPLE])
    def get(self, request: Request, comic_id: int) -> HttpResponse:
        """Show my place in a comic; before the first one, `read_at` is null."""
        return self.respond_place(comic_id)

    @extend_schema(
        operation_id="comics_progress_update",
        request=ComicPlaceInput,
        responses=_STORED,
        examples=[
            OpenApiExample(
                "Panel 12",
                {"panel": 12, "finished": False, "read_at": _READ_AT},
                request_only=True,
            ),
            _COMIC_EXAMPLE,
        ],
    )
    def put(self, request: Request, comic_id: int) -> Response:
        """Store my place in a comic.

        The newest `read_at` wins, whatever the order of the requests: an older one, or the same
        one again, changes nothing. The response shows the place that is stored now.
        """
        return self.store_place(comic_id, ComicPlaceInput)

    @extend_schema(operation_id="comics_progress_delete", responses={204: None})
    def delete(self, request: Request, comic_id: int) -> Response:
        """Forget my place in a comic; 204 also if there was none."""
        return self.delete_place(comic_id)


class ProgressListView(MorpheusAPIView):
    """/api/v1/users/me/progress/."""

    permission_classes = [IsAuthenticated]
    serializer_class = ProgressResultSerializer
    without_transaction = frozenset({*SAFE_METHODS, "PUT"})

    @extend_schema(
        operation_id="users_me_progress",
        request=ProgressInput,
        responses={200: ProgressResultSerializer},
        examples=[
            OpenApiExample(
                "A novel and a comic",
                {
                    "entries": [
                        {"novel": 42, "chapter": 7, "position": 0.25, "read_at": _READ_AT},
                        {"comic": 9, "panel": 12, "finished": True, "read_at": _READ_AT},
                    ]
                },
                request_only=True,
            ),
            _response(
                "The comic is not there",
                {
                    "results": [
                        {"novel": 42, "comic": None, "status": 200, "progress": _NOVEL_PLACE},
                        {
                            "novel": None,
                            "comic": 9,
                            "status": 404,
                            "code": "not_found",
                            "detail": "Not found.",
                        },
                    ]
                },
            ),
        ],
    )
    def put(self, request: Request) -> Response:
        """Store my places in up to 100 novels and comics, as after reading offline.

        Each entry is handled as a request of its own, and has its result at the same index. A
        malformed entry, or a work that occurs twice, refuses the whole request.
        """
        form = self.read_input(ProgressInput)
        entries = [Progress(**entry) for entry in form["entries"]]
        stored = progress_store(user_id=self.user.pk, entries=entries)
        pairs = zip(entries, stored, strict=True)
        return Response({"results": [_render_result(entry, each) for entry, each in pairs]})


class ReadingView(ListView):
    """/api/v1/users/me/continue/."""

    permission_classes = [IsAuthenticated]
    read = READING
    serializer_class = ReadingSerializer

    @extend_schema(operation_id="users_me_continue", responses=ReadingSerializer(many=True))
    def get(self, request: Request) -> HttpResponse:
        """List what I am reading, the newest first, without finished works.

        Works that I can no longer see are left out, so a page may have fewer entries than its size.
        """
        return self.respond_page(request)


def _render(place: Progress) -> Row:
    kind = "comic" if place.novel_id is None else "novel"
    row: Row = progress_render(
        kind,
        place.serializable_value(kind),
        place.number,
        place.position,
        place.is_finished,
        format_time(place.read_at),
    )
    return row


def _render_result(entry: Progress, result: Any) -> Row:
    row: Row = {"novel": entry.novel_id, "comic": entry.comic_id}
    if isinstance(result, Progress):
        return row | {"status": 200, "progress": _render(result)}
    return row | {"status": result.status, "code": result.code, "detail": str(result)}
