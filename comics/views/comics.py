"""The gallery, and one comic."""

from __future__ import annotations

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from comics.cache_policies import PAGE
from comics.filters import by_novel, by_owner
from comics.models import Comic
from comics.querysets import ComicQuerySet
from comics.reads import comic_list, comic_list_tags, comic_read
from comics.serializers import ComicInput, ComicSerializer, with_thumbnail
from comics.services import comic_create, comic_delete, comic_update
from comics.views.access import ComicAPIView
from morpheus.api.filters import ServedFilters
from morpheus.api.views import MorpheusAPIView
from morpheus.cache.pagination import CachedKeysetPagination
from morpheus.pagination import equality_conditions


class ComicListView(MorpheusAPIView):
    """GET, POST /api/v1/comics/ — public comics, newest first; my own by `owner=me`.

    Budget of GET: none warm. Cold 4 queries (page, cards, owners, novels), of my own 1 more
    (private novels).
    """

    serializer_class = ComicSerializer
    pagination_class = CachedKeysetPagination
    page_policy = PAGE
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

    @property
    def page_reader_id(self) -> int | None:
        return self.reader_id if self.is_mine else None

    def page_tags(self, columns: list[str]) -> list[str]:
        if self.is_mine:
            return [f"owner:{self.reader_id}/comics"]
        return comic_list_tags(self.compared, columns)

    def get_queryset(self) -> ComicQuerySet:
        return Comic.objects.all() if self.is_mine else Comic.objects.public()

    @extend_schema(
        operation_id="comics_list", tags=["comics"], responses=ComicSerializer(many=True)
    )
    def get(self, request: Request) -> Response:
        """List public comics, or all of my own."""
        if self.is_mine and self.reader_id is None:
            raise NotAuthenticated
        self.answer_is_public = not self.is_mine
        comics = self.filter_queryset(self.get_queryset())
        self.compared = equality_conditions(comics)
        page = self.paginate_queryset(comics)
        shown = comic_list([row["pk"] for row in page], self.page_reader_id)
        return self.get_paginated_response([with_thumbnail(comic, request) for comic in shown])

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
        where = reverse("comic", [comic.pk], request=request)
        answer = ComicSerializer(comic, context=context).data
        return Response(answer, status=201, headers={"Location": where})


class ComicDetailView(ComicAPIView):
    """GET, PATCH, DELETE /api/v1/comics/{id}/.

    Budget of GET: none warm. Cold 3 queries (card, owner, novel), 2 more for what is private.
    """

    serializer_class = ComicSerializer

    @extend_schema(operation_id="comics_retrieve", tags=["comics"])
    def get(self, request: Request, comic_id: int) -> Response:
        """Show a comic."""
        comic, self.answer_is_public = comic_read(comic_id, self.reader_id)
        if comic is None:
            raise Http404
        return Response(with_thumbnail(comic, request))

    @extend_schema(
        operation_id="comics_update", tags=["comics"], request=ComicInput, responses=ComicSerializer
    )
    def patch(self, request: Request, comic_id: int) -> Response:
        """Change the title, the novel or the visibility of my comic."""
        comic = self.comic_get(Comic.objects.for_access())
        data = ComicInput(data=request.data, partial=True)
        data.is_valid(raise_exception=True)
        comic_update(comic_id=comic.pk, **data.changes())
        changed = Comic.objects.for_cards().get(pk=comic.pk)
        context = self.get_serializer_context() | {"reader_id": self.reader_id}
        return Response(ComicSerializer(changed, context=context).data)

    @extend_schema(operation_id="comics_destroy", tags=["comics"], responses={204: None})
    def delete(self, request: Request, comic_id: int) -> Response:
        """Delete my comic with its panels."""
        comic_delete(comic_id=self.comic_get(Comic.objects.for_access()).pk)
        return Response(status=204)
