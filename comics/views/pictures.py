"""Picture bytes: panels and thumbnails, under URLs that change with their content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.http import FileResponse, Http404
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request

from comics.images.files import image_path, rendition_path
from comics.images.renditions import MEDIA_TYPE, WIDTHS
from comics.models import Comic, Image, Panel
from comics.serializers import image_version
from comics.services import rendition_make
from morpheus.views import MorpheusAPIView

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
        self, path: Path, *, digest: str, media_type: str, version: str, is_public: bool
    ) -> HttpResponseBase:
        """Answer with a file, or 304; for ever under the URL that names this version of it.

        Raises:
            Http404: The file was deleted a moment ago.
        """
        etag = f'"{digest}"'
        answer = get_conditional_response(self.request, etag=etag)
        if answer is None:
            try:
                answer = PictureFile(path.open("rb"), content_type=media_type)
            except FileNotFoundError as error:
                raise Http404 from error
        scope = "public" if is_public else "private"
        is_versioned = self.request.query_params.get("v") == version
        lifetime = f"max-age={_YEAR_S}, immutable" if is_versioned else "no-cache"
        answer["ETag"] = etag
        answer["Cache-Control"] = f"{scope}, {lifetime}"
        answer["X-Content-Type-Options"] = "nosniff"
        return answer


class PanelImageView(PictureView):
    """GET /api/v1/comics/{id}/panels/{number}/image/. Budget: 1 query."""

    @extend_schema(
        operation_id="panels_image",
        tags=["comics"],
        parameters=[_VERSION],
        responses={(200, "image/*"): OpenApiTypes.BINARY, 304: None},
    )
    def get(self, request: Request, comic_id: int, number: int) -> HttpResponseBase:
        """Answer with the picture of a panel."""
        panels = Panel.objects.visible_to(self.reader_id).of_comic(comic_id)
        panel = panels.filter(number=number).for_image().first()
        if panel is None:
            raise Http404
        digest, media_type = panel["image__digest"], panel["image__media_type"]
        return self.picture(
            image_path(digest, media_type),
            digest=digest,
            media_type=media_type,
            version=image_version(digest),
            is_public=panel["comic__is_public"],
        )


class ThumbnailView(PictureView):
    """GET /api/v1/comics/{id}/thumbnail/ — the first panel, smaller.

    Budget: 1 query; at the first use of a size, 5 and the making of it.
    """

    may_read_replica = False

    @extend_schema(
        operation_id="comics_thumbnail",
        tags=["comics"],
        parameters=[_SIZE, _VERSION],
        responses={(200, MEDIA_TYPE): OpenApiTypes.BINARY, 304: None},
    )
    def get(self, request: Request, comic_id: int) -> HttpResponseBase:
        """Answer with the thumbnail of a comic."""
        size = request.query_params.get("size", "medium")
        if size not in WIDTHS:
            raise ValidationError({"size": [f"Give one of {', '.join(WIDTHS)}."]})
        comics = Comic.objects.visible_to(self.reader_id).filter(pk=comic_id)
        comic = comics.for_thumbnail(size).first()
        if comic is None or comic["cover_id"] is None:
            raise Http404
        cover_digest = comic["cover__digest"]
        path = rendition_path(cover_digest, size)
        return self.picture(
            path,
            digest=_rendition_digest(comic, size, path),
            media_type=MEDIA_TYPE,
            version=image_version(cover_digest),
            is_public=comic["is_public"],
        )


def _rendition_digest(comic: dict[str, Any], size: str, path: Path) -> str:
    """Return the digest of the comic's thumbnail, which is made if there is none, or its file."""
    if comic["rendition__digest"] is not None and path.exists():
        return comic["rendition__digest"]
    try:
        made = rendition_make(
            image_id=comic["cover_id"],
            digest=comic["cover__digest"],
            media_type=comic["cover__media_type"],
            size=size,
        )
    except Image.DoesNotExist as error:
        raise Http404 from error
    return made.digest
