"""The routes of the document and of its page, and the description of a view."""

from __future__ import annotations

from inspect import cleandoc
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.settings import patched_settings
from drf_spectacular.utils import OpenApiParameter, extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from morpheus.api.views import ParameterView


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
    document_settings: ClassVar[dict[str, Any]] = {}

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
        with patched_settings(self.document_settings):
            document = generator.get_schema(request=None, public=True)
        response = self.finalize_response(request, Response(document)).render()
        # That took `Vary` away, which the response to the client needs too.
        self.headers = self.default_response_headers
        name = f"{settings.SPECTACULAR_SETTINGS['TITLE']}.{request.accepted_renderer.format}"
        return response.content, {
            "Content-Type": response["Content-Type"],
            "Content-Disposition": f'inline; filename="{name}"',
        }


class StaffSchemaView(SchemaView):
    """The document of the routes for staff."""

    permission_classes = [IsAdminUser]
    _documents: ClassVar[dict[str, tuple[bytes, dict[str, str]]]] = {}
    document_settings: ClassVar[dict[str, Any]] = {
        "DESCRIPTION": "The routes for staff.",
        "PREPROCESSING_HOOKS": ["morpheus.api.openapi.document.select_staff"],
        "TAGS": [{"name": "perf", "description": "Traces of single requests (docs/explain.md)."}],
    }


class SwaggerView(ParameterView, SpectacularSwaggerSplitView):
    """The page that shows the document, which it always fetches by the same URL.

    Its script is a separate request (`?script=`): the content security policy allows none inline.
    """

    template_name = "morpheus/docs.html"
    # OPTIONS is 405: the only renderer is the page's template.
    metadata_class = None
    parameters = (OpenApiParameter("script", str),)
