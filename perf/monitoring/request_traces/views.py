"""Requests that were explained, for staff."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import APIException
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response

from morpheus.api.views import MorpheusAPIView
from morpheus.cache.redis_client import RedisUnavailable
from morpheus.pagination import KeysetPagination
from perf.monitoring.request_traces.ring import Ring, ring
from perf.monitoring.request_traces.serializers import (
    RequestExplanationSerializer,
    RequestHeadSerializer,
)
from perf.monitoring.request_traces.writing import drain

# Making a record takes some ms, and staff ask for it at once.
PATIENCE_S = 2.0


class RecordsUnreachable(APIException):
    """The cache server, which has the records, does not answer."""

    status_code = 503
    default_detail = "The cache server, which keeps explained requests, does not answer."
    wait = 1  # Becomes `Retry-After`.


class RequestPagination(KeysetPagination):
    """Pages of what the ring has, newest first."""

    def read(self, queryset: list[dict[str, Any]], backwards: bool, count: int) -> list[Any]:
        rows = sorted(queryset, key=itemgetter("at", "id"), reverse=not backwards)
        return [row for row in rows if self._is_beyond(row, backwards)][:count]

    def _is_beyond(self, row: dict[str, Any], backwards: bool) -> bool:
        if self.position is None:
            return True
        place = tuple(row[column.removeprefix("-")] for column in self.columns)
        if place == self.position.values:
            return self.position.inclusive
        return (place > self.position.values) == backwards


class ExplainedView(MorpheusAPIView):
    """Base: staff only; nothing is read from the database but who asks."""

    permission_classes = [IsAdminUser]
    may_read_replica = False

    def ring(self) -> Ring:
        """Return the ring, with all that this process has been asked to explain before."""
        drain(timeout_s=PATIENCE_S)
        return ring()

    def handle_exception(self, exc: Exception) -> Response:
        return super().handle_exception(
            RecordsUnreachable() if isinstance(exc, RedisUnavailable) else exc
        )


@extend_schema(tags=["perf"])
class RequestListView(ExplainedView):
    """GET /api/v1/perf/requests/. Budget: none warm; cold 2 queries, token and user."""

    serializer_class = RequestHeadSerializer
    pagination_class = RequestPagination
    filter_backends = []
    orderings = {"-at": ("-at", "-id")}

    @extend_schema(operation_id="perf_requests_list", responses=RequestHeadSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List the requests that were explained lately, newest first; for staff."""
        return self.get_paginated_response(self.paginate_queryset(self.ring().heads()))


@extend_schema(tags=["perf"])
class RequestView(ExplainedView):
    """GET /api/v1/perf/requests/{id}/. Budget: as the list."""

    serializer_class = RequestExplanationSerializer

    @extend_schema(operation_id="perf_requests_read", responses=RequestExplanationSerializer)
    def get(self, request: Request, identifier: str) -> Response:
        """Explain a request, by the id of its record or by its `X-Request-ID`; for staff.

        Of several with the same `X-Request-ID`, the newest; `others` names the rest.
        """
        kept = self.ring()
        heads = kept.heads()
        found = [head for head in heads if head["id"] == identifier]
        # An id that a client chose can hide no record that has it as its own.
        found = found or [head for head in heads if head["request_id"] == identifier]
        record = kept.record(found[0]["id"]) if found else None
        if record is None:
            raise Http404
        others = [
            head["id"]
            for head in heads
            if head["request_id"] == record["request_id"] and head["id"] != record["id"]
        ]
        return Response(record | {"others": others})
