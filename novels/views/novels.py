"""Novels: the list, uploads, one novel, and another parse of its file."""

from __future__ import annotations

from typing import Any

from django.core.files import File
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from morpheus.api.bulk import BulkInput, BulkResultSerializer, BulkView, bulk_examples
from morpheus.api.conditions import require_match
from morpheus.api.idempotency import writing
from morpheus.api.lists import ListView
from morpheus.api.views import LOCATION, MorpheusAPIView
from morpheus.http.throttling import WindowThrottle, WriteThrottle
from novels.models import Novel
from novels.parsing import FileFormat, ParseError
from novels.reads import (
    FIRST_CHAPTERS,
    NOVELS,
    novel_read,
    novel_read_uncached,
    status_read_uncached,
)
from novels.serializers import (
    NovelCreateInput,
    NovelSerializer,
    NovelUpdateInput,
    StatusSerializer,
)
from novels.services.novels import (
    novel_delete,
    novel_update,
    own_novels_delete,
    own_novels_set_visibility,
)
from novels.services.sandboxed import check_upload
from novels.services.uploads import (
    novel_create_from_upload,
    novel_parse_again,
    upload_stored,
)
from users.reads import OWNER


class NovelListView(ListView):
    """/api/v1/novels/."""

    read = NOVELS
    serializer_class = NovelSerializer
    parser_classes = [MultiPartParser]
    receives_files = True
    expansions = {"owner": OWNER}
    problems = {
        "POST": ("upload_exists", "quota_exceeded", "files_busy", "storage_unavailable"),
    }

    @extend_schema(operation_id="novels_list", responses=NovelSerializer(many=True))
    def get(self, request: Request) -> HttpResponse:
        """List public novels, the same for everyone; with `owner=me` all of my own."""
        return self.respond_page(request)

    @extend_schema(
        operation_id="novels_create",
        request={"multipart/form-data": NovelCreateInput},
        parameters=[LOCATION],
        responses={201: NovelSerializer},
    )
    def post(self, request: Request) -> Response:
        """Upload a novel (.txt or .epub); it is parsed in the background, see its status."""
        # Before the transaction, which would wait while the file arrives, is checked and stored.
        file, file_format, fields = self._read_upload()
        owner_id, filename = self.user.pk, file.name or ""
        with (
            upload_stored(
                owner_id=owner_id, file=file, file_format=file_format, filename=filename
            ) as upload,
            writing(self.repeatable, owner_id) as stored,
        ):
            novel = novel_create_from_upload(owner_id=owner_id, upload=upload, fields=fields)
            body = novel_read_uncached(novel.pk, owner_id)
            location = reverse("novel", [novel.pk], request=request)
            return stored(Response(body, status.HTTP_201_CREATED, headers={"Location": location}))

    def _read_upload(self) -> tuple[File[Any], FileFormat, dict[str, Any]]:
        """Return the file of an upload, its format, and the fields of the form."""
        fields = self.read_input(NovelCreateInput)
        file = fields.pop("file")
        try:
            return file, check_upload(file, file.name), fields
        except ParseError as error:
            raise ValidationError({"file": [error.message]}, error.code) from error


class NovelView(MorpheusAPIView):
    """/api/v1/novels/{id}/."""

    serializer_class = NovelSerializer
    changed_rows = Novel.objects
    has_fields = True
    expansions = {"owner": OWNER, "chapters": FIRST_CHAPTERS}
    conditional_methods = frozenset({"PATCH", "DELETE"})

    @extend_schema(operation_id="novels_read")
    def get(self, request: Request, novel_id: int) -> HttpResponse:
        """Show a novel."""
        return self.respond(novel_read(novel_id, self.reader_id))

    @extend_schema(
        operation_id="novels_update", request=NovelUpdateInput, responses={200: NovelSerializer}
    )
    def patch(self, request: Request, novel_id: int) -> Response:
        """Change the metadata of a novel of mine."""
        self._require_match(novel_id)
        changes = self.read_input(NovelUpdateInput, partial=True)
        novel_update(novel_id=novel_id, changes=changes, owner_id=self.user.pk)
        return Response(novel_read_uncached(novel_id, self.user.pk))

    @extend_schema(operation_id="novels_delete", responses={204: None})
    def delete(self, request: Request, novel_id: int) -> Response:
        """Delete a novel of mine, its chapters and its file."""
        self._require_match(novel_id)
        novel_delete(novel_id=novel_id, owner_id=self.user.pk)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _require_match(self, novel_id: int) -> None:
        owner_id = self.user.pk
        require_match(
            self.request,
            Novel.objects.owned_by(owner_id).filter(pk=novel_id),
            lambda: novel_read_uncached(novel_id, owner_id),
        )


class NovelBulkView(BulkView):
    """/api/v1/novels/bulk/."""

    rows = Novel.objects

    @extend_schema(
        operation_id="novels_bulk",
        request=BulkInput,
        responses={200: BulkResultSerializer},
        examples=bulk_examples("novel"),
    )
    def post(self, request: Request) -> Response:
        """Publish, withdraw or delete up to 100 novels of mine.

        All in one transaction; the result of each id is that of the request for it alone, so
        novels of others are 403 or 404, and hinder no other.
        """
        return self.respond_bulk()

    def set_own_visibility(self, ids: list[int], is_public: bool) -> set[int]:
        return own_novels_set_visibility(novel_ids=ids, owner_id=self.user.pk, is_public=is_public)

    def delete_own(self, ids: list[int]) -> set[int]:
        return own_novels_delete(novel_ids=ids, owner_id=self.user.pk)


_QUEUED = OpenApiExample(
    "Queued",
    {
        "novel": 42,
        "state": "pending",
        "stage": "",
        "progress": 0,
        "message": "",
        "warnings": [],
        "updated_at": "2026-11-30T12:00:00.000000Z",
    },
    response_only=True,
    status_codes=["202"],
)


class ParseThrottle(WindowThrottle):
    """Limits parses that an owner asks for: each may take a worker two minutes."""

    scope = "parse"


class NovelParseView(MorpheusAPIView):
    """/api/v1/novels/{id}/parse/."""

    serializer_class = StatusSerializer
    changed_rows = Novel.objects
    problems = {"POST": ("nothing_to_parse", "invalid_input", "unsupported_media_type")}
    throttle_classes = [WriteThrottle, ParseThrottle]

    @extend_schema(
        operation_id="novels_parse",
        request=None,
        parameters=[LOCATION],
        responses={202: StatusSerializer},
        examples=[_QUEUED],
    )
    def post(self, request: Request, novel_id: int) -> Response:
        """Parse the file of my novel again, in the background; see its status.

        While a parse is queued or running, this changes nothing. The chapters stay readable until
        the new ones replace them.
        """
        if request.data:
            raise ValidationError("This takes no fields. Upload another file as a new novel.")
        novel_parse_again(novel_id=novel_id, owner_id=self.user.pk)
        location = reverse("novel-status", [novel_id], request=request)
        body = status_read_uncached(novel_id, self.user.pk)
        return Response(body, status.HTTP_202_ACCEPTED, headers={"Location": location})
