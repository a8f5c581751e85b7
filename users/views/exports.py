"""Exports of the caller's data."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.core.files.storage import storages
from django.http import FileResponse, Http404, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from morpheus.api.domain_errors import DomainError
from morpheus.api.reads import BIGINT_MAX
from morpheus.api.views import LOCATION, MorpheusAPIView
from morpheus.http.throttling import WriteThrottle
from morpheus.storage.files import find_folder, open_file
from users.models import AccountExport
from users.reads import export_read
from users.serializers import ExportSerializer
from users.services.exports import export_create
from users.throttling import ExportThrottle

MEDIA_TYPE = "application/zip"
_FILENAME = "morpheus-export.zip"
# Lifetime of the signed address of a file in an object store.
_URL_TTL_S = 60


class ExportIncomplete(DomainError):
    """The archive is not there yet, or was not made."""

    status = HTTPStatus.CONFLICT
    code = "export_incomplete"


class ArchiveFile(FileResponse):
    """A file in fewer and larger blocks than Django's 4 kB."""

    block_size = 64 * 1024


class ExportListView(MorpheusAPIView):
    """/api/v1/users/me/exports/."""

    permission_classes = [IsAuthenticated]
    throttle_classes = [WriteThrottle, ExportThrottle]
    problems = {"POST": ("export_running",)}
    serializer_class = Serializer  # Without fields: OPTIONS describes the body.

    @extend_schema(
        operation_id="users_me_exports_create",
        request=None,
        parameters=[LOCATION],
        responses={202: ExportSerializer},
    )
    def post(self, request: Request) -> Response:
        """Ask for an archive of my data: profile, novels, comics, files and reading progress.

        It takes the place of an earlier one. `Location` is where its progress is read. While one is
        being made, the response is 409 with its id.
        """
        export = export_create(user_id=self.user.pk)
        return Response(
            ExportSerializer(export).data,
            status.HTTP_202_ACCEPTED,
            headers={"Location": reverse("user-export", args=[export.pk])},
        )


class ExportView(MorpheusAPIView):
    """/api/v1/users/me/exports/{id}/."""

    permission_classes = [IsAuthenticated]
    serializer_class = ExportSerializer

    @extend_schema(operation_id="users_me_exports_read")
    def get(self, request: Request, export_id: int) -> HttpResponse:
        """Show the progress of an export; when it is `completed`, get its `file/`."""
        export = export_read(export_id, self.user.pk)
        if export is None:
            raise Http404
        return self.respond_data(export, is_public=False)


class ExportFileView(MorpheusAPIView):
    """/api/v1/users/me/exports/{id}/file/."""

    permission_classes = [IsAuthenticated]
    has_etag = False
    negotiates = False
    problems = {"GET": ("export_incomplete", "storage_unavailable", "server_busy")}
    # The row that says where the file is may have been written a moment ago.
    may_read_replica = False

    def perform_content_negotiation(
        self, request: Request, force: bool = False
    ) -> tuple[BaseRenderer, str]:
        """Accept any `Accept`: the response is the archive, or a problem in JSON."""
        return JSONRenderer(), "application/json"

    @extend_schema(
        operation_id="users_me_exports_file",
        parameters=[
            OpenApiParameter("Content-Disposition", str, OpenApiParameter.HEADER, response=[200])
        ],
        responses={
            (200, MEDIA_TYPE): OpenApiTypes.BINARY,
            302: OpenApiResponse(description="The file is at a signed address for a minute."),
        },
    )
    def get(self, request: Request, export_id: int) -> HttpResponseBase:
        """Download the archive of a completed export."""
        own = AccountExport.objects.filter(user_id=self.user.pk)
        export = own.filter(pk=export_id).first() if export_id <= BIGINT_MAX else None
        if export is None:
            raise Http404
        if export.state != AccountExport.State.COMPLETED:
            raise ExportIncomplete("This export is not complete. Read its state first.")
        response = _respond_file(export.path)
        response["Cache-Control"] = "private, no-store"
        return response


def _respond_file(path: str) -> HttpResponseBase:
    if find_folder("exports") is not None:
        try:
            file = open_file("exports", path)
        except FileNotFoundError as error:
            raise Http404 from error  # It has just been deleted.
        return ArchiveFile(file, as_attachment=True, filename=_FILENAME, content_type=MEDIA_TYPE)
    storage: Any = storages["exports"]
    url = storage.sign_url(
        path,
        ttl_s=_URL_TTL_S,
        ResponseContentType=MEDIA_TYPE,
        ResponseContentDisposition=f'attachment; filename="{_FILENAME}"',
        ResponseCacheControl="private, no-store",
    )
    return HttpResponseRedirect(url)
