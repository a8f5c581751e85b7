"""The panels of a comic."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from comics.models import Comic
from comics.reads.panels import PANEL_LIST, panel_render
from comics.serializers import PanelCreateInput, PanelSerializer
from comics.services.comics import panel_add
from comics.services.images import picture_stored
from morpheus.api.inputs import require_owner
from morpheus.api.lists import ListView
from morpheus.db.transactions import read_transaction, write_transaction


class PanelListView(ListView):
    """/api/v1/comics/{id}/panels/."""

    read = PANEL_LIST
    serializer_class = PanelSerializer
    parser_classes = [MultiPartParser]
    receives_files = True

    @extend_schema(operation_id="panels_list", responses=PanelSerializer(many=True))
    def get(self, request: Request, comic_id: int) -> HttpResponse:
        """List the panels of a comic."""
        return self.respond_page(request, comic_id)

    @extend_schema(
        operation_id="panels_create",
        request={"multipart/form-data": PanelCreateInput},
        responses={
            201: PanelSerializer,
            507: OpenApiResponse(description="There is too little free space for uploads."),
        },
    )
    def post(self, request: Request, comic_id: int) -> Response:
        """Add a panel to my comic; without a number it comes last."""
        # Before the transaction, which would wait while the image arrives and is decoded.
        upload = self._read_upload(request, comic_id)
        picture = upload["image"]
        with (
            picture_stored(picture) as generation,
            write_transaction(as_user=self.user.pk),
        ):
            panel = panel_add(
                comic_id=comic_id,
                owner_id=self.user.pk,
                picture=picture,
                caption=upload["caption"],
                number=upload.get("number"),
                generation=generation,
            )
            body = panel_render(panel, request)
        return Response(body, status=201)

    def _read_upload(self, request: Request, comic_id: int) -> dict[str, Any]:
        """Return the fields of the form, if the caller may add a panel."""
        with read_transaction(as_user=self.reader_id):
            require_owner(Comic.objects, comic_id, self.reader_id)
        _refuse_huge(request)
        return self.read_input(PanelCreateInput)


def _refuse_huge(request: Request) -> None:
    """Refuse a body that is far too large for an image before reading it: it would fill the disk.

    A body that is a little too large is read, so that every client receives the refusal.
    """
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > 4 * settings.MORPHEUS_MAX_IMAGE_BYTES:
        most = f"At most {settings.MORPHEUS_MAX_IMAGE_BYTES // 1024**2} MB are accepted."
        raise ValidationError({"image": [most]}, "too_large")
