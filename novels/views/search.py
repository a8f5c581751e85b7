"""Full-text search."""

from __future__ import annotations

import logging
from itertools import islice
from typing import Any, cast

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotAuthenticated, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from morpheus.api.views import MorpheusAPIView
from morpheus.http.errors import ServiceUnavailable
from morpheus.pagination import KeysetPagination
from novels.reads import genre_id, language_id
from novels.search.matches import Candidate
from novels.search.query import Search, SearchTooSlow
from novels.search.reads import search_candidates, search_results
from novels.serializers import SearchResultSerializer

logger = logging.getLogger(__name__)

MAX_QUERY_CHARS = 200
KINDS = ("novel", "chapter")
OWN = "mine"

_PARAMETERS = (
    OpenApiParameter(
        "q",
        {"type": "string", "minLength": 1, "maxLength": MAX_QUERY_CHARS},
        required=True,
        description=f"At most {MAX_QUERY_CHARS} characters. Quotes, `or` and `-word` work; "
        "at least one word must have to occur, else nothing is found.",
    ),
    OpenApiParameter("scope", str, enum=[OWN], description="My own novels, not the public ones."),
    OpenApiParameter("kind", str, enum=KINDS),
    OpenApiParameter("genre", str, description="Novels of this genre, by its slug."),
    OpenApiParameter("language", str, description="Novels in this language, by its code."),
)


class SearchUnavailable(ServiceUnavailable):
    """503: the search would hold a thread and the database for too long."""

    default_detail = "The search took too long; use fewer or rarer words."
    default_code = "search_too_slow"


class SearchPagination(KeysetPagination):
    """Pages of the ranked candidates of a `Search`, best first; equal ranks by the newest."""

    def read(self, queryset: Search, backwards: bool, count: int) -> list[dict[str, Any]]:
        candidates = search_candidates(queryset)
        if backwards:
            candidates.reverse()
        beyond = (each for each in candidates if self.is_beyond((each.score, each.id), backwards))
        return [each._asdict() for each in islice(beyond, count)]


class SearchView(MorpheusAPIView):
    """/api/v1/search/: pages of a cached ranking, which no index can serve."""

    serializer_class = SearchResultSerializer
    pagination_class = SearchPagination
    parameters = _PARAMETERS
    problems = {"GET": ("not_authenticated", "search_too_slow", "server_busy")}
    orderings = {"-rank": ("-score", "-id")}

    @property
    def own_reader_id(self) -> int | None:
        """The caller, if the search is of the caller's own novels; None if it is public."""
        is_own = self.request.query_params.get("scope") == OWN
        return self.reader_id if is_own else None

    @property
    def cursor_scope(self) -> str:
        return str(self.own_reader_id or "")

    @extend_schema(operation_id="search", responses=SearchResultSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Search the texts of public novels, or of all of my own; best first."""
        search = self._parse(request.query_params.dict())
        try:
            page: Any = self.paginate_queryset(cast(Any, search))
            results = search_results(search, [Candidate(**row) for row in page])
        except SearchTooSlow as error:
            logger.warning("Responded 503 to a search: its statement took too long.")
            raise SearchUnavailable from error
        response = self.get_paginated_response(results)
        return self.set_visibility(response, is_public=search.reader_id is None)

    def _parse(self, params: dict[str, str]) -> Search:
        """Return the search that the parameters describe.

        Raises:
            ValidationError: A value is malformed.
            NotAuthenticated: An anonymous caller searches their own novels.
        """
        if _choice("scope", params, (OWN,)) and self.reader_id is None:
            raise NotAuthenticated
        return Search(
            words=_words(params.get("q", "")),
            reader_id=self.own_reader_id,
            kind=_choice("kind", params, KINDS),
            genre=genre_id(params["genre"]) if "genre" in params else None,
            language=language_id(params["language"]) if "language" in params else None,
        )


def _words(text: str) -> str:
    if not text.strip():
        raise ValidationError({"q": ["This parameter is required."]}, "required")
    if len(text) > MAX_QUERY_CHARS:
        raise ValidationError({"q": [f"At most {MAX_QUERY_CHARS} characters."]}, "max_length")
    return text


def _choice(name: str, params: dict[str, str], choices: tuple[str, ...]) -> str | None:
    value = params.get(name)
    if value is not None and value not in choices:
        raise ValidationError({name: [f"Give one of {', '.join(choices)}."]}, "invalid_choice")
    return value
