"""The OpenAPI document: what it says beyond what the views show, and the view of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response

from morpheus.api.parameters import ParameterView

_PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem details.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "existing_id": {
            "type": ["integer", "null"],
            "description": "With 409: what is there already.",
        },
        "errors": {
            "type": "object",
            "description": "What is wrong, by field.",
            "additionalProperties": True,
        },
    },
}


_BUSY = (
    "The database is out of reach or busy, or too many requests of this kind are under way; "
    "`Retry-After` says when to try again."
)


def add_problem_responses(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Give every operation its problem answers; a drf-spectacular postprocessing hook."""
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = _PROBLEM
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for operation in _operations(result):
        responses = operation["responses"]
        responses.setdefault("4XX", {"description": "Refused."})
        responses.setdefault("503", {"description": _BUSY})
        if "requestBody" in operation:
            responses.setdefault("408", {"description": "The request body came too slowly."})
        for status, response in responses.items():
            if status.startswith(("4", "5")):
                response.setdefault("content", content)
    return result


def add_not_modified(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Say that every GET may be asked conditionally; a drf-spectacular postprocessing hook."""
    for path in result.get("paths", {}).values():
        if "get" in path:
            path["get"]["responses"]["304"] = {"description": "`If-None-Match` names its `ETag`."}
    return result


def add_summaries(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Head each operation with its description's first sentence; a drf-spectacular hook."""
    for operation in _operations(result):
        text = " ".join(operation.get("description", "").split())
        # A sentence ends before a space and a capital: ".txt or .epub" does not end one.
        first = re.split(r"(?<=[.!?]) (?=[A-Z])", text)[0].rstrip(".")
        if first:
            operation.setdefault("summary", first)
    return result


def _operations(result: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in result.get("paths", {}).values():
        yield from path.values()


class SchemaView(ParameterView, SpectacularAPIView):
    """The document, made once by each process in each form: its views do not change."""

    # Body and headers by media type, of which there are as many as renderers.
    _made: ClassVar[dict[str, tuple[bytes, dict[str, str]]]] = {}

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        form = request.accepted_renderer.media_type
        if form not in self._made:
            self._made[form] = self._make(request)
        body, headers = self._made[form]
        return HttpResponse(body, headers=headers)

    def _make(self, request: Request) -> tuple[bytes, dict[str, str]]:
        # Whatever the first who asks says of versions and languages is not for everybody after.
        generator: Any = self.generator_class()  # has no types
        document = generator.get_schema(request=None, public=True)
        response = self.finalize_response(request, Response(document)).render()
        name = f"{settings.SPECTACULAR_SETTINGS['TITLE']}.{request.accepted_renderer.format}"
        return response.content, {
            "Content-Type": response["Content-Type"],
            "Content-Disposition": f'inline; filename="{name}"',
        }


class SwaggerView(ParameterView, SpectacularSwaggerSplitView):
    """The page that shows the document, which it always fetches by the same URL.

    Its script is a request of its own (`?script=`): the page's policy allows none in it.
    """

    template_name = "morpheus/docs.html"
    parameters = (OpenApiParameter("script", str),)
