"""The panels of a comic."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import Http404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from comics.cache_policies import PANELS
from comics.models import Comic, Panel
from comics.querysets import PanelQuerySet
from comics.reads import comic_access, panel_tags
from comics.serializers import PanelInput, PanelSerializer, panels_shown
from comics.services import panel_add
from comics.views.access import ComicAPIView
from morpheus.cache.pagination import CachedKeysetPagination
from morpheus.db.transactions import read_transaction


class PanelListView(ComicAPIView):
    """GET, POST /api/v1/comics/{id}/panels/ — in reading order.

    Budget of GET: none warm. Cold 2 queries (the comic's card, and the page), 3 for a private one.
    """

    serializer_class = PanelSerializer
    pagination_class = CachedKeysetPagination
    page_policy = PANELS
    page_columns = ("caption", "image__digest", "image__width", "image__height")
    parser_classes = [MultiPartParser]
    receives_files = True
    orderings = {"number": ("number",)}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.method == "POST":
            # However long it takes to arrive and to decode, no transaction waits for it.
            self.given = self._given(request)

    def get_queryset(self) -> PanelQuerySet:
        return Panel.objects.for_pages(self.kwargs.get("comic_id", 0))

    @property
    def page_reader_id(self) -> int | None:
        return None if self.answer_is_public else self.reader_id

    def page_tags(self, columns: list[str]) -> list[str]:
        return panel_tags(self.kwargs["comic_id"])

    @extend_schema(
        operation_id="panels_list", tags=["comics"], responses=PanelSerializer(many=True)
    )
    def get(self, request: Request, comic_id: int) -> Response:
        """List the panels of a comic."""
        rows = self._rows(comic_id)
        if not rows and self.answer_is_public:
            # What is public is read as nobody, who sees nothing of what became private meanwhile.
            rows = self._rows(comic_id)
        return self.get_paginated_response(panels_shown(rows, comic_id, request))

    @extend_schema(
        operation_id="panels_create",
        tags=["comics"],
        request={"multipart/form-data": PanelInput},
        responses={
            201: PanelSerializer,
            507: OpenApiResponse(description="There is too little free space for uploads."),
        },
    )
    def post(self, request: Request, comic_id: int) -> Response:
        """Add a panel to my comic; without a number it comes last."""
        try:
            panel = panel_add(
                comic_id=comic_id,
                picture=self.given["image"],
                caption=self.given["caption"],
                number=self.given.get("number"),
            )
        except Comic.DoesNotExist as gone:
            raise Http404 from gone
        finally:
            # View and serializer are parts of cycles: up to 20 MB would wait for the collector.
            self.given.clear()
        return Response(self.get_serializer(panel).data, status=201)

    def _given(self, request: Request) -> dict[str, Any]:
        """Return what is sent, once it is known that the caller may add a panel."""
        with read_transaction(as_user=self.reader_id):
            self.comic_get(Comic.objects.for_access())
        _refuse_huge(request)
        data = PanelInput(data=request.data)
        data.is_valid(raise_exception=True)
        given: dict[str, Any] = data.validated_data
        return given

    def _rows(self, comic_id: int) -> list[dict[str, Any]]:
        comic, self.answer_is_public = comic_access(comic_id, self.reader_id)
        if comic is None:
            raise Http404
        rows: list[dict[str, Any]] = self.paginate_queryset(
            self.filter_queryset(self.get_queryset())
        )
        return rows


def _refuse_huge(request: Request) -> None:
    """Refuse unread what cannot be a picture that is kept: reading it would fill the disk.

    What is only somewhat too large is read, so that every client gets to see why it is refused.
    """
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > 4 * settings.MORPHEUS_MAX_IMAGE_BYTES:
        most = f"At most {settings.MORPHEUS_MAX_IMAGE_BYTES // 1024**2} MB are accepted."
        raise ValidationError({"image": [most]})
