"""Describes the traces of requests for the API's schema; `document` builds them."""

from __future__ import annotations

from rest_framework import serializers


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
