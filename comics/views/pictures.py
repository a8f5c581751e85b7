"""Image bytes: panels and thumbnails, under URLs that change with their content."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.files.storage import storages
from django.http import FileResponse, Http404, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

from comics.images.files import image_name, rendition_name
from comics.images.renditions import MEDIA_TYPE, WIDTHS
from comics.reads.comics import image_version, thumbnail_create, thumbnail_read
from comics.reads.panels import panel_image_read
from morpheus.api.reads import Row
from morpheus.api.views import MorpheusAPIView
from morpheus.cache.dependencies import current_dependencies
from morpheus.storage.files import find_folder, open_file

_YEAR_S = 365 * 24 * 3600

_VERSION = OpenApiParameter(
    "v",
    str,
    description="Version, as links have it; with the right one the response never changes.",
)
_SIZE = OpenApiParameter("size", str, enum=list(WIDTHS), default="medium")


class PictureFile(FileResponse):
    """A file in fewer and larger blocks than Django's 4 kB."""

    block_size = 64 * 1024


class PictureView(MorpheusAPIView):
    """Base of views that respond with the bytes of an image."""

    negotiates = False
    problems = {"GET": ("files_busy", "storage_unavailable", "server_busy")}

    def perform_content_negotiation(
        self, request: Request, force: bool = False
    ) -> tuple[BaseRenderer, str]:
        """Accept any `Accept`: the response is the image as it is, or a problem in JSON."""
        return JSONRenderer(), "application/json"

    def respond_picture(
        self,
        open_picture: Callable[[], HttpResponseBase],
        *,
        digest: str,
        version: str,
        is_public: bool,
    ) -> HttpResponseBase:
        """Respond with an image or 304; the URL with its version is immutable."""
        etag = f'"{digest}"'
        try:
            response = get_conditional_response(self.request, etag=etag) or open_picture()
        except FileNotFoundError as error:
            raise Http404 from error  # It was deleted after the read.
        requested = self.request.query_params.get("v")
        if requested not in (None, version):
            # Any text is a wrong version, and each would be cached with a copy of the bytes.
            current_dependencies().is_complete = False
        scope = "public" if is_public else "private"
        lifetime = f"max-age={_YEAR_S}, immutable" if requested == version else "no-cache"
        if isinstance(response, HttpResponseRedirect):
            # Its signed address expires, so it has no ETag by which it could be renewed.
            lifetime = f"max-age={settings.MORPHEUS_IMAGE_URL_TTL_S // 2}"
        else:
            response["ETag"] = etag
        response["Cache-Control"] = f"{scope}, {lifetime}"
        response["X-Content-Type-Options"] = "nosniff"
        return response


class PanelImageView(PictureView):
    """/api/v1/comics/{id}/panels/{number}/image/."""

    parameters = (_VERSION,)

    @extend_schema(
        operation_id="panels_image",
        responses={
            (200, "image/*"): OpenApiTypes.BINARY,
            302: OpenApiResponse(description="The image is at a signed address for some time."),
        },
    )
    def get(self, request: Request, comic_id: int, number: int) -> HttpResponseBase:
        """Respond with the image of a panel."""
        panel, is_public = panel_image_read(comic_id, number, self.reader_id)
        if panel is None:
            raise Http404
        digest = panel["image__digest"]
        return self.respond_picture(
            lambda: _respond_image(panel),
            digest=digest,
            version=image_version(digest),
            is_public=is_public,
        )


class ThumbnailView(PictureView):
    """/api/v1/comics/{id}/thumbnail/: the first panel, smaller."""

    parameters = (_SIZE, _VERSION)
    may_read_replica = False

    @extend_schema(
        operation_id="comics_thumbnail",
        responses={(200, MEDIA_TYPE): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, comic_id: int) -> HttpResponseBase:
        """Respond with the thumbnail of a comic."""
        size = request.query_params.get("size", "medium")
        if size not in WIDTHS:
            raise ValidationError({"size": [f"Give one of {', '.join(WIDTHS)}."]}, "invalid_choice")
        cover, is_public = thumbnail_read(comic_id, size, self.reader_id)
        if cover is None:
            raise Http404
        return self.respond_picture(
            lambda: HttpResponse(_read_rendition(cover, size), content_type=MEDIA_TYPE),
            digest=cover["rendition__digest"],
            version=image_version(cover["cover__digest"]),
            is_public=is_public,
        )


def _respond_image(panel: Row) -> HttpResponseBase:
    """Respond with the file of a panel's image, or with its signed address in the object store."""
    media_type = panel["image__media_type"]
    name = image_name(panel["image__digest"], media_type, panel["image__generation"])
    ttl_s = settings.MORPHEUS_IMAGE_URL_TTL_S
    if not ttl_s or find_folder("images") is not None:
        return PictureFile(open_file("images", name), content_type=media_type)
    storage: Any = storages["images"]
    url = storage.sign_url(
        name,
        ttl_s=ttl_s,
        ResponseContentType=media_type,
        ResponseCacheControl=f"private, max-age={_YEAR_S}, immutable",
    )
    return HttpResponseRedirect(url)


def _read_rendition(cover: Row, size: str) -> bytes:
    """Return the bytes of a thumbnail; whole, so that the response can be cached.

    Creates it again if its file was lost, or was not stored because there was no room.
    """
    name = rendition_name(cover["cover__digest"], size, cover["cover__generation"])
    try:
        with open_file("images", name) as file:
            return file.read()
    except FileNotFoundError:
        return thumbnail_create(cover, size).data
