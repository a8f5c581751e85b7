"""Novels: the list, uploads, and one novel."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.files import File
from django.http import Http404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from morpheus.api.filters import ServedFilters
from morpheus.api.views import MorpheusAPIView
from morpheus.cache.pagination import CachedKeysetPagination
from morpheus.http.errors import Conflict
from morpheus.pagination import equality_conditions
from novels import filters
from novels.cache_policies import PAGE
from novels.models import Novel
from novels.parsing import FileFormat, ParseError
from novels.querysets import NovelQuerySet
from novels.reads import novel_list, novel_list_tags, novel_read
from novels.serializers import NovelChanges, NovelSerializer, NovelUploadInput
from novels.services import (
    UploadExists,
    check_upload,
    novel_create_from_upload,
    novel_delete,
    novel_update,
)


@extend_schema(tags=["novels"])
class NovelListView(MorpheusAPIView):
    """/api/v1/novels/.

    Budget of GET: none warm. Cold 3 queries (page, cards, names), of my own 4 (private cards), and
    1 to resolve a genre or a language.
    """

    serializer_class = NovelSerializer
    parser_classes = [MultiPartParser]
    receives_files = True
    pagination_class = CachedKeysetPagination
    page_policy = PAGE
    filter_backends = [ServedFilters]
    filters = {
        "genre": filters.by_genre,
        "language": filters.by_language,
        "author": filters.by_author,
        "owner": filters.by_owner,
    }
    filter_pairs = (frozenset({"genre", "language"}),)
    orderings = {
        "-created_at": ("-created_at", "-id"),
        "created_at": ("created_at", "id"),
        "title": ("title", "id"),
        "-title": ("-title", "-id"),
        "word_count": ("word_count", "id"),
        "-word_count": ("-word_count", "-id"),
    }

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.method == "POST":
            # However long it takes to arrive and to check, no transaction waits for it.
            self.given = _given(request)

    @property
    def is_own_list(self) -> bool:
        """Whether the caller asks for novels of their own, of every visibility."""
        return self.request.query_params.get("owner") == filters.OWN

    @property
    def cursor_scope(self) -> str:
        return str(self.reader_id) if self.is_own_list else ""

    @property
    def page_reader_id(self) -> int | None:
        return self.reader_id if self.is_own_list else None

    def page_tags(self, columns: list[str]) -> list[str]:
        if self.is_own_list:
            return [f"owner:{self.reader_id}/novels"]
        return novel_list_tags(self.compared, columns)

    def get_queryset(self) -> NovelQuerySet:
        return Novel.objects.all() if self.is_own_list else Novel.objects.public()

    @extend_schema(operation_id="novels_list", responses=NovelSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List public novels, the same for everyone; with `owner=me` all of my own."""
        self.answer_is_public = not self.is_own_list
        novels = self.filter_queryset(self.get_queryset())
        self.compared = equality_conditions(novels)
        page = self.paginate_queryset(novels)
        shown = novel_list([row["pk"] for row in page], self.page_reader_id)
        return self.get_paginated_response(shown)

    @extend_schema(
        operation_id="novels_create",
        request={"multipart/form-data": NovelUploadInput},
        responses={
            201: NovelSerializer,
            409: OpenApiResponse(description="I have this file already, as novel `existing_id`."),
            507: OpenApiResponse(description="There is too little free space for uploads."),
        },
    )
    def post(self, request: Request) -> Response:
        """Upload a novel (.txt or .epub); it is parsed in the background, see its status."""
        file, file_format, fields = self.given
        try:
            novel = novel_create_from_upload(
                owner_id=request.user.pk,
                file=file,
                file_format=file_format,
                filename=file.name,
                fields=fields,
            )
        except UploadExists as error:
            raise Conflict(str(error), existing_id=error.novel_id) from error
        shown = NovelSerializer(Novel.objects.for_cards().get(pk=novel.pk))
        where = reverse("novel", [novel.pk], request=request)
        return Response(shown.data, status.HTTP_201_CREATED, headers={"Location": where})


def _given(request: Request) -> tuple[File, FileFormat, dict[str, Any]]:
    """Return the file of an upload, its format and its fields."""
    given = NovelUploadInput(data=request.data)
    given.is_valid(raise_exception=True)
    fields = dict(given.validated_data)
    file = fields.pop("file")
    try:
        return file, check_upload(file, file.name), fields
    except ParseError as error:
        raise ValidationError({"file": [error.message]}) from error


@extend_schema(tags=["novels"])
class NovelView(MorpheusAPIView):
    """/api/v1/novels/{id}/.

    Budget of GET: none warm. Cold 2 queries (card, name), 3 for a private novel of mine.
    """

    serializer_class = NovelSerializer

    @extend_schema(operation_id="novels_read")
    def get(self, request: Request, novel_id: int) -> Response:
        """Show a novel."""
        novel, self.answer_is_public = novel_read(novel_id, self.reader_id)
        if novel is None:
            raise Http404
        return Response(novel)

    @extend_schema(
        operation_id="novels_update", request=NovelChanges, responses={200: NovelSerializer}
    )
    def patch(self, request: Request, novel_id: int) -> Response:
        """Change what is said about a novel of mine."""
        given = NovelChanges(data=request.data, partial=True)
        with self._own(novel_id):
            given.is_valid(raise_exception=True)
            novel_update(novel_id=novel_id, changes=given.validated_data)
        return Response(NovelSerializer(Novel.objects.for_cards().get(pk=novel_id)).data)

    @extend_schema(operation_id="novels_delete", responses={204: None})
    def delete(self, request: Request, novel_id: int) -> Response:
        """Delete a novel of mine, its chapters and its file."""
        with self._own(novel_id):
            novel_delete(novel_id=novel_id)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @contextmanager
    def _own(self, novel_id: int) -> Iterator[None]:
        """Demand that the novel is the caller's, before and within the block."""
        owners = (
            Novel.objects.visible_to(self.reader_id).filter(pk=novel_id).values_list("owner_id")
        )
        owner = owners.first()
        if owner is None:
            raise Http404
        if owner != (self.reader_id,):
            raise PermissionDenied("Only its owner may change a novel.")
        try:
            yield
        except Novel.DoesNotExist as gone:
            raise Http404 from gone
