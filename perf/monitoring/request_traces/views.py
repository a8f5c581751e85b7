"""API views of request traces, for staff."""

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
from perf.monitoring.request_traces.sampling import wait_for_queue
from perf.monitoring.request_traces.serializers import (
    RequestTraceSerializer,
    TraceSummarySerializer,
)
from perf.monitoring.request_traces.storage import TraceStore, trace_store

# Building a trace takes some ms, and staff usually ask for it right after their request.
QUEUE_TIMEOUT_S = 2.0


class TraceStoreUnreachable(APIException):
    """The cache server, which stores the traces, does not respond."""

    status_code = 503
    default_detail = "The cache server, which stores request traces, does not respond."
    wait = 1  # Becomes `Retry-After`.


class RequestPagination(KeysetPagination):
    """Pages of the stored summaries, newest first."""

    def read(self, queryset: list[dict[str, Any]], backwards: bool, count: int) -> list[Any]:
        place = itemgetter("at", "id")
        rows = sorted(queryset, key=place, reverse=not backwards)
        return [row for row in rows if self.is_beyond(place(row), backwards)][:count]


class TraceView(MorpheusAPIView):
    """Base of both views, for staff only; the database is read for authentication alone."""

    permission_classes = [IsAdminUser]
    may_read_replica = False

    def trace_store(self) -> TraceStore:
        """Return the store, once it has all traces that this process enqueued before."""
        wait_for_queue(timeout_s=QUEUE_TIMEOUT_S)
        return trace_store()

    def handle_exception(self, exc: Exception) -> Response:
        return super().handle_exception(
            TraceStoreUnreachable() if isinstance(exc, RedisUnavailable) else exc
        )


@extend_schema(tags=["perf"])
class RequestListView(TraceView):
    """GET /api/v1/perf/requests/: the stored traces."""

    serializer_class = TraceSummarySerializer
    pagination_class = RequestPagination
    filter_backends = []
    orderings = {"-at": ("-at", "-id")}

    @extend_schema(operation_id="perf_requests_list", responses=TraceSummarySerializer(many=True))
    def get(self, request: Request) -> Response:
        """List the traced requests of the last 15 minutes, newest first; for staff."""
        summaries = self.trace_store().summaries()
        return self.get_paginated_response(self.paginate_queryset(summaries))


@extend_schema(tags=["perf"])
class RequestView(TraceView):
    """GET /api/v1/perf/requests/{id}/: one trace."""

    serializer_class = RequestTraceSerializer

    @extend_schema(operation_id="perf_requests_read", responses=RequestTraceSerializer)
    def get(self, request: Request, identifier: str) -> Response:
        """Return the trace of a request, by the trace's id or by `X-Request-ID`; for staff.

        Several requests may have the same `X-Request-ID`: the newest is returned, and `others`
        has the ids of the rest.
        """
        store = self.trace_store()
        summaries = store.summaries()
        # The trace's own id first: an id chosen by a client must not hide another trace.
        by_id = [row for row in summaries if row["id"] == identifier]
        matches = by_id or [row for row in summaries if row["request_id"] == identifier]
        trace = store.trace(matches[0]["id"]) if matches else None
        if trace is None:
            raise Http404
        others = [
            row["id"]
            for row in summaries
            if row["request_id"] == trace["request_id"] and row["id"] != trace["id"]
        ]
        return Response(trace | {"others": others})
