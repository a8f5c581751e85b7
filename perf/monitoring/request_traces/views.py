"""API views of request traces, for staff."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response

from morpheus.api.views import MorpheusAPIView
from morpheus.cache.redis_client import RedisUnavailable
from morpheus.pagination import KeysetPagination
from perf.monitoring.request_traces.sampling import wait_for_queue
from perf.monitoring.request_traces.storage import TraceStore, trace_store

# Building a trace takes some ms, and staff usually ask for it right after their request.
QUEUE_TIMEOUT_S = 2.0


class TraceSummarySerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A trace in the list."""

    id = serializers.CharField(help_text="Id of the trace; the server chooses it.")
    request_id = serializers.CharField(
        help_text="`X-Request-ID` of the response; a client may have chosen it."
    )
    at = serializers.DateTimeField(help_text="Time of the response.")
    is_requested = serializers.BooleanField(help_text="Whether the request sent `X-Explain: 1`.")
    route = serializers.CharField(help_text="Such as `GET /novels/{novel_id}/`.")
    status = serializers.IntegerField()
    ms = serializers.FloatField()
    user_id = serializers.IntegerField(allow_null=True)
    queries = serializers.IntegerField(help_text="Number of statements without COMMIT.")
    database_ms = serializers.FloatField()
    is_cached_response = serializers.BooleanField(
        help_text="Whether the response came from the response cache, before Django."
    )
    is_within_budget = serializers.BooleanField(
        allow_null=True, help_text="Null for a route without a budget."
    )
    redundant_queries = serializers.IntegerField(
        help_text="Number of statements with N+1 or duplicate executions."
    )


class RequestTraceSerializer(TraceSummarySerializer):
    """The whole trace of a request; docs/explain.md describes the objects in it."""

    method = serializers.CharField()
    replica_queries = serializers.IntegerField()
    budget = serializers.DictField(
        help_text="The budget of the route (perf/budgets.toml), whether the request kept it, and "
        "its `violations` as sentences."
    )
    redundant_queries = serializers.ListField(  # type: ignore[assignment] # not their number
        child=serializers.DictField(), help_text="N+1 queries and duplicate queries."
    )
    statements = serializers.ListField(
        child=serializers.DictField(),
        help_text="Statements in their order with time, rows and plan; `?` stands for each value.",
    )
    statements_left_out = serializers.IntegerField()
    cache = serializers.ListField(
        child=serializers.DictField(),
        help_text="Cache lookups with policy, outcome, keys and tags; keys that are not numbers "
        "are hashed.",
    )
    cache_left_out = serializers.IntegerField()
    tags = serializers.ListField(
        child=serializers.CharField(), help_text="All cache tags that the response depends on."
    )
    others = serializers.ListField(
        child=serializers.CharField(),
        help_text="Ids of other traces with the same `X-Request-ID`, newest first.",
    )
    is_within_budget = None  # type: ignore[assignment] # it is part of `budget`


class TraceStoreUnreachable(APIException):
    """The cache server, which stores the traces, does not respond."""

    status_code = 503
    default_code = "traces_unavailable"
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
    problems = {"GET": ("traces_unavailable",)}

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
