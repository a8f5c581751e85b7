"""The OpenAPI document: what it adds to the views' declarations, and the views that show it."""

from __future__ import annotations

import re
from inspect import cleandoc
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from morpheus.api.views import ParameterView

_PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem details.",
    "required": ["type", "title", "status", "code", "detail", "request_id"],
    "properties": {
        "type": {
            "type": "string",
            "format": "uri-reference",
            "description": "Path of the page that explains the code.",
        },
        "title": {"type": "string", "description": "Of the code; always the same."},
        "status": {"type": "integer"},
        "code": {
            "type": "string",
            "description": "A stable word for programs, such as `not_found`; `/problems/` lists "
            "all. Later versions may add some.",
        },
        "detail": {"type": "string", "description": "What happened, for people."},
        "request_id": {"type": "string", "description": "As the header `X-Request-ID`."},
        "existing_id": {
            "type": ["integer", "null"],
            "description": "With 409: the id of the existing object.",
        },
        "errors": {
            "type": "object",
            "description": "Error messages by field.",
            "additionalProperties": True,
        },
        "violations": {
            "type": "array",
            "description": "With `errors`: the same, each with a code and its exact place.",
            "items": {
                "type": "object",
                "required": ["code", "detail"],
                "properties": {
                    "pointer": {
                        "type": "string",
                        "description": "JSON pointer into the body (RFC 6901).",
                    },
                    "parameter": {"type": "string", "description": "Or a query parameter's name."},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
        "trace_id": {
            "type": "string",
            "description": "Of the request's `traceparent`, if it had a valid one.",
        },
    },
}

# Headers of requests, as docs/api.md describes them; by their names in the document.
_HEADERS = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        "example": "8e03978e-40d5-43dd-bc93-6894a57f9324",
        "description": "Within 24 hours, the same request with the same key gets the first "
        "response, with `Idempotency-Replayed: true`, and writes nothing.",
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "schema": {"type": "string"},
        "example": '"0123456789abcdef0123456789abcdef"',
        "description": "`ETag` of the object as it was read: 412 if it has changed since.",
    },
}
_KEY_IN_USE = "`idempotency_key_in_use`, or the object exists already: see `code`."

_UNAVAILABLE = (
    "The database is unreachable or busy, or too many requests of this kind are being processed; "
    "`Retry-After` says when to try again."
)


def complete_document(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Add what holds for all operations: summaries, links of pages, errors and 304."""
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    for name, schema in schemas.items():
        if name.startswith("Paginated"):
            _describe_page(schema)
    schemas["Problem"] = _PROBLEM
    result["components"]["parameters"] = _HEADERS
    for name, path in result.get("paths", {}).items():
        for method, operation in path.items():
            _add_summary(operation)
            if any(operation.get("security", ())) and "/auth/" not in name:
                _add_retries(method, operation)
            _add_problem_responses(operation)
        if "get" in path and not _is_stream(path["get"]):
            path["get"]["responses"]["304"] = {"description": "`If-None-Match` has its `ETag`."}
    return result


def _is_stream(operation: dict[str, Any]) -> bool:
    """Tell whether a response has no end, and so no `ETag`."""
    return "text/event-stream" in operation["responses"].get("200", {}).get("content", {})


def _describe_page(schema: dict[str, Any]) -> None:
    """Describe a page's links as OpenAPI 3.1 does: null at an end."""
    schema["required"] = ["next", "previous", "results"]
    for link in ("next", "previous"):
        schema["properties"][link] = {"type": ["string", "null"], "format": "uri"}


def _add_summary(operation: dict[str, Any]) -> None:
    """Take the first sentence of the description as summary, which is not Markdown."""
    text = " ".join(operation.get("description", "").replace("`", "").split())
    # A sentence ends before a space and a capital: ".txt or .epub" does not end one.
    first = re.split(r"(?<=[.!?]) (?=[A-Z])", text)[0].rstrip(".")
    if first:
        operation.setdefault("summary", first)


def _add_retries(method: str, operation: dict[str, Any]) -> None:
    """Add the headers that make a write repeatable or conditional, and its refusals."""
    responses, header = operation["responses"], None
    if method == "post":
        header = "IdempotencyKey"
        responses.setdefault("409", {"description": _KEY_IN_USE})
        responses["422"] = {"description": "The key belongs to another request."}
    elif method in ("patch", "delete"):
        header = "IfMatch"
        responses["412"] = {"description": "The object has changed."}
    if header is not None:
        reference = {"$ref": f"#/components/parameters/{header}"}
        operation.setdefault("parameters", []).append(reference)


def _add_problem_responses(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    responses.setdefault("4XX", {"description": "The request is refused."})
    responses.setdefault("503", {"description": _UNAVAILABLE})
    if "requestBody" in operation:
        responses.setdefault("408", {"description": "The request body arrived too slowly."})
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for status, response in responses.items():
        if status.startswith(("4", "5")):
            response.setdefault("content", content)


def describe_view(view: APIView, html: bool = False) -> str:
    """Return what each method does, as in the OpenAPI document, for the response to OPTIONS.

    DRF would return the docstring of the view's class, which is for engineers.
    """
    handlers = {
        method: getattr(view, method.lower())
        for method in view.allowed_methods
        if method not in ("HEAD", "OPTIONS")
    }
    return "\n\n".join(
        f"{method}: {cleandoc(handler.__doc__)}"
        for method, handler in handlers.items()
        if handler.__doc__
    )


class SchemaView(ParameterView, SpectacularAPIView):
    """The document, generated once by each process for each media type: its views do not change."""

    # Body and headers by media type; there are as many as renderers.
    _documents: ClassVar[dict[str, tuple[bytes, dict[str, str]]]] = {}

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        media_type = request.accepted_renderer.media_type
        if media_type not in self._documents:
            self._documents[media_type] = self._generate(request)
        body, headers = self._documents[media_type]
        return HttpResponse(body, headers=headers)

    def _generate(self, request: Request) -> tuple[bytes, dict[str, str]]:
        # Without the request: its versions and languages must not be in the next client's document.
        generator: Any = self.generator_class()  # has no types
        document = generator.get_schema(request=None, public=True)
        response = self.finalize_response(request, Response(document)).render()
        # That took `Vary` away, which the response to the client needs too.
        self.headers = self.default_response_headers
        name = f"{settings.SPECTACULAR_SETTINGS['TITLE']}.{request.accepted_renderer.format}"
        return response.content, {
            "Content-Type": response["Content-Type"],
            "Content-Disposition": f'inline; filename="{name}"',
        }


class SwaggerView(ParameterView, SpectacularSwaggerSplitView):
    """The page that shows the document, which it always fetches by the same URL.

    Its script is a separate request (`?script=`): the content security policy allows none inline.
    """

    template_name = "morpheus/docs.html"
    # OPTIONS is 405: the only renderer is the page's template.
    metadata_class = None
    parameters = (OpenApiParameter("script", str),)
