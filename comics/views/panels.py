"""The panels of a comic."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from comics.models import Comic
from comics.reads.panels import PANEL_LIST, panel_read, panel_render
from comics.serializers import (
    PanelCaptionInput,
    PanelCreateInput,
    PanelOrderInput,
    PanelSerializer,
    PanelUpdateInput,
)
from comics.services.images import picture_stored
from comics.services.panels import panel_add, panel_delete, panel_update, panels_order
from morpheus.api.conditions import require_match
from morpheus.api.idempotency import writing
from morpheus.api.inputs import require_owner
from morpheus.api.lists import ListView
from morpheus.api.views import LOCATION, MorpheusAPIView
from morpheus.db.transactions import read_transaction, write_transaction
from morpheus.http.request_bodies import JSONParser

_OF_FILES = ("quota_exceeded", "files_busy", "storage_unavailable")

_PANEL = OpenApiExample(
    "A panel",
    {
        "id": 10,
        "number": 1,
        "caption": "Down the hole",
        "image_url": "https://morpheus.example/api/v1/comics/3/panels/1/image/?v=9f86d081884c7d65",
        "width": 992,
        "height": 690,
    },
    response_only=True,
)
_CAPTION = OpenApiExample(
    "Another caption",
    {"caption": "Up again"},
    request_only=True,
    media_type="application/json",
)


class PanelListView(ListView):
    """/api/v1/comics/{id}/panels/."""

    read = PANEL_LIST
    serializer_class = PanelSerializer
    parser_classes = [MultiPartParser]
    receives_files = True
    problems = {"POST": ("panel_exists", "not_owner", *_OF_FILES)}

    @extend_schema(operation_id="panels_list", responses=PanelSerializer(many=True))
    def get(self, request: Request, comic_id: int) -> HttpResponse:
        """List the panels of a comic."""
        return self.respond_page(request, comic_id)

    @extend_schema(
        operation_id="panels_create",
        request={"multipart/form-data": PanelCreateInput},
        parameters=[LOCATION],
        responses={201: PanelSerializer},
    )
    def post(self, request: Request, comic_id: int) -> Response:
        """Add a panel to my comic; without a number it comes last."""
        # Before the transaction, which would wait while the image arrives and is decoded.
        upload = self._read_upload(request, comic_id)
        picture = upload["image"]
        with (
            picture_stored(picture) as generation,
            writing(self.repeatable, self.user.pk) as stored,
        ):
            panel = panel_add(
                comic_id=comic_id,
                owner_id=self.user.pk,
                picture=picture,
                caption=upload["caption"],
                number=upload.get("number"),
                generation=generation,
            )
            location = reverse("comic-panel", [comic_id, panel.pk], request=request)
            body = panel_render(panel, request)
            return stored(Response(body, status=201, headers={"Location": location}))

    def _read_upload(self, request: Request, comic_id: int) -> dict[str, Any]:
        """Return the fields of the form, if the caller may add a panel."""
        _require_change(request, comic_id)
        return self.read_input(PanelCreateInput)


class PanelView(MorpheusAPIView):
    """/api/v1/comics/{id}/panels/{panel id}/."""

    serializer_class = PanelSerializer
    has_fields = True
    parser_classes = [MultiPartParser, JSONParser]
    changed_rows = Comic.objects
    receives_files = True
    conditional_methods = frozenset({"PATCH", "DELETE"})
    problems = {"PATCH": _OF_FILES}

    @extend_schema(operation_id="panels_read", examples=[_PANEL])
    def get(self, request: Request, comic_id: int, panel_id: int) -> HttpResponse:
        """Show a panel."""
        return self.respond(panel_read(comic_id, panel_id, self.reader_id, request))

    @extend_schema(
        operation_id="panels_update",
        examples=[_PANEL, _CAPTION],
        request={
            "multipart/form-data": PanelUpdateInput(partial=True),
            "application/json": PanelCaptionInput(partial=True),
        },
        responses={200: PanelSerializer},
    )
    def patch(self, request: Request, comic_id: int, panel_id: int) -> Response:
        """Change the caption of a panel of mine, or replace its picture."""
        # Before the transaction, as a new panel.
        _require_change(request, comic_id)
        changes = self.read_input(PanelUpdateInput, partial=True)
        picture = changes.pop("image", None)
        with (
            nullcontext("") if picture is None else picture_stored(picture) as generation,
            write_transaction(as_user=self.user.pk),
        ):
            self._require_match(comic_id, panel_id)
            panel = panel_update(
                comic_id=comic_id,
                panel_id=panel_id,
                owner_id=self.user.pk,
                picture=picture,
                generation=generation,
                **changes,
            )
            body = panel_render(panel, request)
        return Response(body)

    @extend_schema(operation_id="panels_destroy", responses={204: None})
    def delete(self, request: Request, comic_id: int, panel_id: int) -> Response:
        """Delete a panel of mine; the others keep their numbers."""
        self._require_match(comic_id, panel_id)
        panel_delete(comic_id=comic_id, panel_id=panel_id, owner_id=self.user.pk)
        return Response(status=204)

    def _require_match(self, comic_id: int, panel_id: int) -> None:
        # Locks the comic first, as every change of its panels does.
        require_match(
            self.request,
            Comic.objects.owned_by(self.user.pk).filter(pk=comic_id),
            lambda: panel_read(comic_id, panel_id, self.user.pk, self.request).value,
        )


class PanelOrderView(MorpheusAPIView):
    """/api/v1/comics/{id}/panels/order/."""

    serializer_class = PanelOrderInput
    changed_rows = Comic.objects
    problems = {"PUT": ("panels_changed",)}

    @extend_schema(
        operation_id="panels_order",
        examples=[OpenApiExample("Three panels", {"panels": [12, 10, 11]}, request_only=True)],
        responses={204: None},
    )
    def put(self, request: Request, comic_id: int) -> Response:
        """Put all panels of my comic in another order; they are numbered from 1."""
        order = self.read_input(PanelOrderInput)["panels"]
        panels_order(comic_id=comic_id, panel_ids=order, owner_id=self.user.pk)
        return Response(status=204)


def _require_change(request: Request, comic_id: int) -> None:
    """Refuse the upload of a caller that may not change the comic, and a huge one."""
    with read_transaction(as_user=request.user.pk):
        require_owner(Comic.objects, comic_id, request.user.pk)
    _refuse_huge(request)


def _refuse_huge(request: Request) -> None:
    """Refuse a body that is far too large for an image before reading it: it would fill the disk.

    A body that is a little too large is read, so that every client receives the refusal.
    """
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > 4 * settings.MORPHEUS_MAX_IMAGE_BYTES:
        most = f"At most {settings.MORPHEUS_MAX_IMAGE_BYTES // 1024**2} MB are accepted."
        raise ValidationError({"image": [most]}, "too_large")
