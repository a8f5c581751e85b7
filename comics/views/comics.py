"""The gallery, and one comic."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotAuthenticated
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from comics.filters import by_novel, by_owner
from comics.models import Comic
from comics.querysets import ComicQuerySet
from comics.serializers import ComicInput, ComicSerializer, novel_is_shown
from comics.services import comic_create, comic_delete, comic_update
from comics.views.access import ComicAPIView
from morpheus.filters import ServedFilters
from morpheus.views import MorpheusAPIView


class ComicListView(ListModelMixin, MorpheusAPIView):
    """GET, POST /api/v1/comics/ — public comics, newest first; my own by `owner=me`.

    Budget: 1 query for a page.
    """

    serializer_class = ComicSerializer
    filter_backends = [ServedFilters]
    filters = {"novel": by_novel, "owner": by_owner}
    orderings = {
        "-created_at": ("-created_at", "-id"),
        "created_at": ("created_at", "id"),
        "title": ("title", "id"),
        "-title": ("-title", "-id"),
    }

    @property
    def is_mine(self) -> bool:
        """Whether the list is the caller's own, not the one that is the same for everyone."""
        return self.request.query_params.get("owner") == "me"

    @property
    def cursor_scope(self) -> str:
        return str(self.reader_id) if self.is_mine else ""

    def get_queryset(self) -> ComicQuerySet:
        comics = Comic.objects.for_cards()
        return comics if self.is_mine else comics.public()

    def get_serializer_context(self) -> dict[str, Any]:
        reader_id = self.reader_id if self.is_mine else None
        return super().get_serializer_context() | {"reader_id": reader_id}

    @extend_schema(operation_id="comics_list", tags=["comics"], responses=ComicSerializer)
    def get(self, request: Request) -> Response:
        """List public comics, or all of my own."""
        if self.is_mine and self.reader_id is None:
            raise NotAuthenticated
        self.answer_is_public = not self.is_mine
        return self.list(request)

    @extend_schema(
        operation_id="comics_create",
        tags=["comics"],
        request=ComicInput,
        responses={201: ComicSerializer},
    )
    def post(self, request: Request) -> Response:
        """Make a comic without panels; it is private unless said otherwise."""
        data = ComicInput(data=request.data)
        data.is_valid(raise_exception=True)
        made = comic_create(owner_id=request.user.pk, **data.changes())
        comic = Comic.objects.for_cards().get(pk=made.pk)
        context = self.get_serializer_context() | {"reader_id": self.reader_id}
        where = reverse("comic-detail", [comic.pk], request=request)
        answer = ComicSerializer(comic, context=context).data
        return Response(answer, status=201, headers={"Location": where})


class ComicDetailView(ComicAPIView):
    """GET, PATCH, DELETE /api/v1/comics/{id}/. Budget: 1 query to read."""

    serializer_class = ComicSerializer

    @extend_schema(operation_id="comics_retrieve", tags=["comics"])
    def get(self, request: Request, comic_id: int) -> Response:
        """Show a comic."""
        return Response(self._shown())

    @extend_schema(
        operation_id="comics_update", tags=["comics"], request=ComicInput, responses=ComicSerializer
    )
    def patch(self, request: Request, comic_id: int) -> Response:
        """Change the title, the novel or the visibility of my comic."""
        comic = self.comic_get(Comic.objects.for_access())
        data = ComicInput(data=request.data, partial=True)
        data.is_valid(raise_exception=True)
        comic_update(comic_id=comic.pk, **data.changes())
        return Response(self._shown())

    @extend_schema(operation_id="comics_destroy", tags=["comics"], responses={204: None})
    def delete(self, request: Request, comic_id: int) -> Response:
        """Delete my comic with its panels."""
        comic_delete(comic_id=self.comic_get(Comic.objects.for_access()).pk)
        return Response(status=204)

    def _shown(self) -> Any:
        comic = self.comic_get(Comic.objects.for_cards())
        if novel_is_shown(comic, self.reader_id) and not comic.novel.is_public:
            self.answer_is_public = False  # It names a novel that only this reader may see.
        context = self.get_serializer_context() | {"reader_id": self.reader_id}
        return ComicSerializer(comic, context=context).data
