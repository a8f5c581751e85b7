"""The genres and the languages, whose slugs and codes filter novels."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request

from morpheus.api.reads import Row
from morpheus.api.views import MorpheusAPIView
from novels.reads import genre_list, language_list
from novels.serializers import GenreListSerializer, LanguageListSerializer


def _example(row: Row) -> OpenApiExample:
    value = {"next": None, "previous": None, "results": [row]}
    return OpenApiExample("One row of many", value, response_only=True)


class WholeListView(MorpheusAPIView):
    """Base of the lists of reference tables, which are short: one page has all rows."""

    def respond_whole(self, rows: list[Row]) -> HttpResponse:
        return self.respond_data({"next": None, "previous": None, "results": rows}, is_public=True)


class GenreListView(WholeListView):
    """/api/v1/genres/."""

    serializer_class = GenreListSerializer

    @extend_schema(
        operation_id="genres_list",
        examples=[_example({"slug": "horror", "name": "Horror", "novel_count": 417})],
    )
    def get(self, request: Request) -> HttpResponse:
        """List all genres by name, with the numbers of their public novels."""
        return self.respond_whole(genre_list())


class LanguageListView(WholeListView):
    """/api/v1/languages/."""

    serializer_class = LanguageListSerializer

    @extend_schema(
        operation_id="languages_list",
        examples=[_example({"code": "en", "name": "English", "novel_count": 9310})],
    )
    def get(self, request: Request) -> HttpResponse:
        """List all languages by name, with the numbers of the public novels in them."""
        return self.respond_whole(language_list())
