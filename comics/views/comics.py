"""The gallery, one comic, and a user's dashboard."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from comics.models import Comic
from comics.reads.comics import COMICS, comic_read, comic_read_uncached, comic_render_new
from comics.reads.dashboard import dashboard_read
from comics.serializers import (
    ComicCreateInput,
    ComicSerializer,
    ComicUpdateInput,
    DashboardSerializer,
)
from comics.services.comics import (
    comic_create,
    comic_delete,
    comic_update,
    own_comics_delete,
    own_comics_set_visibility,
)
from morpheus.api.bulk import BulkInput, BulkResultSerializer, BulkView, bulk_examples
from morpheus.api.conditions import require_match
from morpheus.api.lists import ListView
from morpheus.api.views import LOCATION, MorpheusAPIView
from users.reads import OWNER


class ComicListView(ListView):
    """/api/v1/comics/."""

    read = COMICS
    serializer_class = ComicSerializer
    expansions = {"owner": OWNER}

    @extend_schema(operation_id="comics_list", responses=ComicSerializer(many=True))
    def get(self, request: Request) -> HttpResponse:
        """List public comics, or all of my own."""
        return self.respond_page(request)

    @extend_schema(
        operation_id="comics_create",
        request=ComicCreateInput,
        parameters=[LOCATION],
        responses={201: ComicSerializer},
    )
    def post(self, request: Request) -> Response:
        """Create a comic without panels; it is private unless stated otherwise."""
        comic = comic_create(owner_id=self.user.pk, **self.read_input(ComicCreateInput))
        location = reverse("comic", [comic.pk], request=request)
        body = comic_render_new(comic, self.user.display_name)
        return Response(body, status=201, headers={"Location": location})


class ComicView(MorpheusAPIView):
    """/api/v1/comics/{id}/."""

    serializer_class = ComicSerializer
    changed_rows = Comic.objects
    has_fields = True
    expansions = {"owner": OWNER}
    conditional_methods = frozenset({"PATCH", "DELETE"})

    @extend_schema(operation_id="comics_retrieve")
    def get(self, request: Request, comic_id: int) -> HttpResponse:
        """Show a comic."""
        return self.respond(comic_read(comic_id, self.reader_id, request))

    @extend_schema(
        operation_id="comics_update", request=ComicUpdateInput, responses=ComicSerializer
    )
    def patch(self, request: Request, comic_id: int) -> Response:
        """Change the title, the novel or the visibility of my comic."""
        self._require_match(comic_id)
        changes = self.read_input(ComicUpdateInput, partial=True)
        comic_update(comic_id=comic_id, owner_id=self.user.pk, **changes)
        return Response(comic_read_uncached(comic_id, self.user.pk, request))

    @extend_schema(operation_id="comics_destroy", responses={204: None})
    def delete(self, request: Request, comic_id: int) -> Response:
        """Delete my comic with its panels."""
        self._require_match(comic_id)
        comic_delete(comic_id=comic_id, owner_id=self.user.pk)
        return Response(status=204)

    def _require_match(self, comic_id: int) -> None:
        owner_id = self.user.pk
        require_match(
            self.request,
            Comic.objects.owned_by(owner_id).filter(pk=comic_id),
            lambda: comic_read_uncached(comic_id, owner_id, self.request),
        )


class ComicBulkView(BulkView):
    """/api/v1/comics/bulk/."""

    rows = Comic.objects

    @extend_schema(
        operation_id="comics_bulk",
        request=BulkInput,
        responses={200: BulkResultSerializer},
        examples=bulk_examples("comic"),
    )
    def post(self, request: Request) -> Response:
        """Publish, withdraw or delete up to 100 comics of mine.

        All in one transaction; the result of each id is that of the request for it alone, so
        comics of others are 403 or 404, and hinder no other.
        """
        return self.respond_bulk()

    def set_own_visibility(self, ids: list[int], is_public: bool) -> set[int]:
        return own_comics_set_visibility(comic_ids=ids, owner_id=self.user.pk, is_public=is_public)

    def delete_own(self, ids: list[int]) -> set[int]:
        return own_comics_delete(comic_ids=ids, owner_id=self.user.pk)


class DashboardView(MorpheusAPIView):
    """/api/v1/users/me/dashboard/."""

    permission_classes = [IsAuthenticated]
    serializer_class = DashboardSerializer

    @extend_schema(operation_id="users_me_dashboard")
    def get(self, request: Request) -> Response:
        """Show my newest novels with their processing state, my newest comics, and totals."""
        return Response(dashboard_read(self.user.pk, request))
