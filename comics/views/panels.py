"""The panels of a comic."""

from __future__ import annotations

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.mixins import ListModelMixin
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from comics.models import Comic, Panel
from comics.querysets import PanelQuerySet
from comics.serializers import PanelInput, PanelSerializer
from comics.services import panel_add
from comics.views.access import ComicAPIView


class PanelListView(ListModelMixin, ComicAPIView):
    """GET, POST /api/v1/comics/{id}/panels/ — in reading order.

    Budget: 2 queries for a page, the comic and its panels.
    """

    serializer_class = PanelSerializer
    parser_classes = [MultiPartParser]
    orderings = {"number": ("number",)}

    def get_queryset(self) -> PanelQuerySet:
        return Panel.objects.of_comic(self.kwargs.get("comic_id", 0)).for_reader()

    @extend_schema(operation_id="panels_list", tags=["comics"], responses=PanelSerializer)
    def get(self, request: Request, comic_id: int) -> Response:
        """List the panels of a comic."""
        self.comic_get(Comic.objects.for_access())
        return self.list(request)

    @extend_schema(
        operation_id="panels_create",
        tags=["comics"],
        request={"multipart/form-data": PanelInput},
        responses={201: PanelSerializer},
    )
    def post(self, request: Request, comic_id: int) -> Response:
        """Add a panel to my comic; without a number it comes last."""
        comic = self.comic_get(Comic.objects.for_access())
        _refuse_huge(request)
        data = PanelInput(data=request.data)
        data.is_valid(raise_exception=True)
        said = data.validated_data
        panel = panel_add(
            comic_id=comic.pk,
            picture=said["image"],
            caption=said["caption"],
            number=said.get("number"),
        )
        return Response(self.get_serializer(panel).data, status=201)


def _refuse_huge(request: Request) -> None:
    """Refuse unread what cannot be a picture that is kept: reading it would fill the disk.

    What is only somewhat too large is read, so that every client gets to see why it is refused.
    """
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > 4 * settings.IMAGE_MAX_BYTES:
        most = f"At most {settings.IMAGE_MAX_BYTES // 1024**2} MB are accepted."
        raise ValidationError({"image": [most]})
