"""Full-text search."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import APIException, NotAuthenticated, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from morpheus.api.views import MorpheusAPIView
from morpheus.http.errors import RETRY_AFTER_S
from morpheus.pagination import KeysetPagination
from novels.filters import genre_id, language_id
from novels.finding import Candidate, Search, SearchTooDeep, SearchTooSlow
from novels.reads import search_candidates, search_results
from novels.serializers import SearchResultSerializer

logger = logging.getLogger(__name__)

MAX_QUERY_CHARS = 200
KINDS = ("novel", "chapter")
MINE = "mine"

_PARAMETERS = (
    OpenApiParameter(
        "q",
        {"type": "string", "minLength": 1, "maxLength": MAX_QUERY_CHARS},
        required=True,
        description=f"At most {MAX_QUERY_CHARS} characters. Quotes, `or` and `-word` work; "
        "at least one word must have to occur, else nothing is found.",
    ),
    OpenApiParameter("scope", str, enum=[MINE], description="My own novels, not the public ones."),
    OpenApiParameter("kind", str, enum=KINDS),
    OpenApiParameter("genre", str, description="Novels of this genre, by its slug."),
    OpenApiParameter("language", str, description="Novels in this language, by its code."),
)


class SearchUnavailable(APIException):
    """503: the search would hold a thread and the database for too long."""

    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    default_detail = "The search took too long; use fewer or rarer words."
    default_code = "search_too_slow"
    wait = RETRY_AFTER_S


class SearchPagination(KeysetPagination):
    """Pages of what a `Search` finds, best first; equal ranks by the newest document."""

    def read(self, queryset: Search, backwards: bool, count: int) -> list[dict[str, Any]]:
        found = search_candidates(queryset)
        if backwards:
            found.reverse()
        beyond = [one._asdict() for one in found if self._is_beyond(one, backwards)]
        return beyond[:count]

    def _is_beyond(self, one: Candidate, backwards: bool) -> bool:
        if self.position is None:
            return True
        place = (one.score, one.id)
        if place == self.position.values:
            return self.position.inclusive
        return (place > self.position.values) == backwards


@extend_schema(tags=["search"])
class SearchView(MorpheusAPIView):
    """/api/v1/search/.

    Budget: none warm. Cold 4 queries (what is asked, candidates, cards, snippets; with `scope=mine`
    private cards, and not what is asked), and 1 each to resolve genre and language; 2,000 ms.
    """

    serializer_class = SearchResultSerializer
    pagination_class = SearchPagination
    parameters = _PARAMETERS
    filter_backends = []
    orderings = {"-rank": ("-score", "-id")}

    @property
    def is_mine(self) -> bool:
        """Whether the caller's own novels are searched."""
        return self.request.query_params.get("scope") == MINE

    @property
    def cursor_scope(self) -> str:
        return str(self.reader_id) if self.is_mine else ""

    @extend_schema(
        operation_id="search",
        responses=SearchResultSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """Search the texts of public novels, or of all of my own; best first."""
        given = request.query_params.dict()
        _refuse_null_characters(given)
        if self.is_mine and self.reader_id is None:
            raise NotAuthenticated
        self.answer_is_public = not self.is_mine
        search = Search(
            words=_words(given.get("q", "")),
            reader_id=self.reader_id if _one_of("scope", given, (MINE,)) else None,
            kind=_one_of("kind", given, KINDS),
            genre=genre_id(given["genre"]) if "genre" in given else None,
            language=language_id(given["language"]) if "language" in given else None,
        )
        try:
            page = self.paginate_queryset(search)
            results = search_results(search, [Candidate(**row) for row in page])
        except SearchTooSlow as error:
            logger.warning("Answered 503 to a search: its statement took too long.")
            raise SearchUnavailable from error
        except SearchTooDeep as error:
            raise ValidationError({"q": ["Too many operators; use fewer minus signs."]}) from error
        return self.get_paginated_response(SearchResultSerializer(results, many=True).data)


def _words(given: str) -> str:
    if not given.strip():
        raise ValidationError({"q": ["Say what to search for."]})
    if len(given) > MAX_QUERY_CHARS:
        raise ValidationError({"q": [f"At most {MAX_QUERY_CHARS} characters."]})
    return given


def _one_of(name: str, given: dict[str, str], choices: tuple[str, ...]) -> str | None:
    value = given.get(name)
    if value is not None and value not in choices:
        raise ValidationError({name: [f"Give one of {', '.join(choices)}."]})
    return value


def _refuse_null_characters(given: dict[str, str]) -> None:
    for name, value in given.items():
        if "\x00" in value:
            raise ValidationError({name: ["Null characters are not allowed."]})
