"""The pages of problems: where the `type` of a problem response leads."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from django.utils.cache import patch_cache_control
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import AllowAny
from rest_framework.renderers import BaseRenderer, TemplateHTMLRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from morpheus.api.views import ParameterView
from morpheus.http.problem_codes import PROBLEMS, ProblemType, problem_page
from morpheus.http.rendering import JSONRenderer
from morpheus.http.violation_codes import VIOLATIONS


class ProblemTypeSerializer(serializers.Serializer[Any]):
    """What a code of problems, or of one field within `violations`, means."""

    code = serializers.CharField()
    status = serializers.IntegerField(
        allow_null=True, help_text="Null for a code within `violations`."
    )
    type = serializers.CharField(help_text="Path of its page.")
    title = serializers.CharField()
    meaning = serializers.CharField()
    action = serializers.CharField(help_text="What a client does about it.")


class ProblemPage(ParameterView):
    """Base of both views: the same for every caller, as a page in browsers and as JSON."""

    authentication_classes: list[type[BaseAuthentication]] = []
    permission_classes = [AllowAny]
    renderer_classes: list[type[BaseRenderer]] = [JSONRenderer, TemplateHTMLRenderer]
    serializer_class = ProblemTypeSerializer

    def respond(self, request: Request, data: Any, title: str) -> Response:
        """Return the entries as JSON, or as a page with a heading."""
        is_page = isinstance(request.accepted_renderer, TemplateHTMLRenderer)
        entries = data if isinstance(data, list) else [data]
        response = Response(
            {"entries": entries, "title": title} if is_page else data,
            template_name="morpheus/problems.html",
        )
        patch_cache_control(response, public=True, no_cache=True)
        return response


class ProblemListView(ProblemPage):
    """/api/v1/problems/."""

    @extend_schema(operation_id="problems_list", responses=ProblemTypeSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List the codes of all problems, and those of fields."""
        entries = [_describe(code, kind) for code, kind in (PROBLEMS | VIOLATIONS).items()]
        return self.respond(request, entries, "Problems")


class ProblemView(ProblemPage):
    """/api/v1/problems/{code}/."""

    @extend_schema(operation_id="problems_read", responses=ProblemTypeSerializer)
    def get(self, request: Request, code: str) -> Response:
        """Say what the code of a problem means, and what a client does about it."""
        kind = PROBLEMS.get(code) or VIOLATIONS.get(code)
        if kind is None:
            raise Http404
        return self.respond(request, _describe(code, kind), kind.title)


def _describe(code: str, kind: ProblemType) -> dict[str, Any]:
    return {"code": code, "type": problem_page(code), **kind._asdict()}
