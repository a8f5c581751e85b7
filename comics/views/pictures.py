"""Picture bytes: panels and thumbnails, under URLs that change with their content."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import FileResponse, Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

from comics.images.files import image_path, rendition_path
from comics.images.renditions import MEDIA_TYPE, WIDTHS
from comics.models import Image
from comics.reads import panel_image_find, thumbnail_find, thumbnail_make
from comics.serializers import image_version
from morpheus.api.views import MorpheusAPIView
from morpheus.cache.dependencies import current_dependencies

_YEAR_S = 365 * 24 * 3600

_VERSION = OpenApiParameter(
    "v", str, description="Version, as links have it; with the right one the answer never changes."
)
_SIZE = OpenApiParameter("size", str, enum=list(WIDTHS), default="medium")


class PictureFile(FileResponse):
    """A file in fewer and larger blocks than Django's 4 kB."""

    block_size = 64 * 1024


class PictureView(MorpheusAPIView):
    """Base of views that answer with the bytes of a picture."""

    def perform_content_negotiation(
        self, request: Request, force: bool = False
    ) -> tuple[BaseRenderer, str]:
        """Take any `Accept`: the answer is the picture as it is, or a problem in JSON."""
        return JSONRenderer(), "application/json"

    def picture(
        self,
        picture: Callable[[], HttpResponseBase],
        *,
        digest: str,
        version: str,
        is_public: bool,
    ) -> HttpResponseBase:
        """Answer with a picture, or 304; for ever under the URL that names this version of it."""
        etag = f'"{digest}"'
        answer = get_conditional_response(self.request, etag=etag) or picture()
        scope = "public" if is_public else "private"
        given = self.request.query_params.get("v")
        is_versioned = given == version
        if not (given is None or is_versioned) and (record := current_dependencies()):
            # Any text is a wrong version: each would be kept with a copy of the bytes.
            record.mark_incomplete()
        lifetime = f"max-age={_YEAR_S}, immutable" if is_versioned else "no-cache"
        answer["ETag"] = etag
        answer["Cache-Control"] = f"{scope}, {lifetime}"
        answer["X-Content-Type-Options"] = "nosniff"
        return answer


class PanelImageView(PictureView):
    """GET /api/v1/comics/{id}/panels/{number}/image/.

    Budget: none warm. Cold 1 query, 2 for a private one.
    """

    parameters = (_VERSION,)

    @extend_schema(
        operation_id="panels_image",
        tags=["comics"],
        responses={(200, "image/*"): OpenApiTypes.BINARY, 304: None},
    )
    def get(self, request: Request, comic_id: int, number: int) -> HttpResponseBase:
        """Answer with the picture of a panel."""
        panel, is_public = panel_image_find(comic_id, number, self.reader_id)
        if panel is None:
            raise Http404
        digest, media_type = panel["image__digest"], panel["image__media_type"]

        def picture() -> HttpResponseBase:
            try:
                file = image_path(digest, media_type).open("rb")
            except FileNotFoundError as error:
                raise Http404 from error  # It was deleted a moment ago.
            return PictureFile(file, content_type=media_type)

        version = image_version(digest)
        return self.picture(picture, digest=digest, version=version, is_public=is_public)


class ThumbnailView(PictureView):
    """GET /api/v1/comics/{id}/thumbnail/ — the first panel, smaller.

    Budget: none warm. Cold 1 query, 2 for a private one; at the first use of a size, 5 and the
    making of it.
    """

    parameters = (_SIZE, _VERSION)
    may_read_replica = False

    @extend_schema(
        operation_id="comics_thumbnail",
        tags=["comics"],
        responses={(200, MEDIA_TYPE): OpenApiTypes.BINARY, 304: None},
    )
    def get(self, request: Request, comic_id: int) -> HttpResponseBase:
        """Answer with the thumbnail of a comic."""
        size = request.query_params.get("size", "medium")
        if size not in WIDTHS:
            raise ValidationError({"size": [f"Give one of {', '.join(WIDTHS)}."]})
        try:
            found, is_public = thumbnail_find(comic_id, size, self.reader_id)
        except Image.DoesNotExist as error:
            raise Http404 from error
        if found is None:
            raise Http404
        return self.picture(
            lambda: HttpResponse(_rendition_bytes(found, size), content_type=MEDIA_TYPE),
            digest=found["rendition__digest"],
            version=image_version(found["cover__digest"]),
            is_public=is_public,
        )


def _rendition_bytes(found: dict[str, Any], size: str) -> bytes:
    """Return the thumbnail whole, so that the answer can be kept.

    It is made again where its file was lost, or not kept for want of room.
    """
    try:
        return rendition_path(found["cover__digest"], size).read_bytes()
    except FileNotFoundError:
        pass
    try:
        return thumbnail_make(found, size).data
    except Image.DoesNotExist as error:
        raise Http404 from error
