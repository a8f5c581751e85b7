"""Describes the traces of requests for the API's schema; `document` builds them."""

from __future__ import annotations

from rest_framework import serializers

from perf.monitoring.queries.redundant import DUPLICATE, N_PLUS_ONE


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


class BudgetCheckSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """The budget of the route (perf/budgets.toml) and its violations."""

    is_within_budget = serializers.BooleanField(allow_null=True)
    violations = serializers.ListField(child=serializers.CharField(), help_text="Sentences.")
    queries = serializers.IntegerField(
        help_text="Number of statements without settings, savepoints and COMMIT."
    )
    queries_budget = serializers.IntegerField(
        allow_null=True, help_text="The warm budget if all cache lookups were hits."
    )
    p95_ms = serializers.FloatField(allow_null=True)
    p99_ms = serializers.FloatField(allow_null=True)


class RedundantQueriesSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Executions of one statement that a single execution could replace."""

    kind = serializers.ChoiceField([N_PLUS_ONE, DUPLICATE])
    fingerprint = serializers.CharField()
    times = serializers.IntegerField()
    sql = serializers.CharField()


class StatementSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A statement without its values."""

    fingerprint = serializers.CharField()
    kind = serializers.CharField(help_text="simple, join, search, write, control or commit.")
    sql = serializers.CharField(help_text="With `?` for each value.")
    alias = serializers.CharField(help_text="The database alias.")
    ms = serializers.FloatField()
    budget_ms = serializers.FloatField(allow_null=True)
    rows = serializers.IntegerField(allow_null=True, help_text="Rows returned or changed.")
    is_failed = serializers.BooleanField()
    plan = serializers.DictField(
        allow_null=True,
        help_text="EXPLAIN's output just after the response, with `?` for each value; only the "
        "first statement of a fingerprint has it.",
    )
    no_plan_reason = serializers.CharField(allow_blank=True)


class LookupSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Values of one cache policy that were looked up together."""

    policy = serializers.CharField()
    outcome = serializers.CharField(help_text="hit, miss, joined, write_intent or bypass.")
    reader_id = serializers.IntegerField(allow_null=True, help_text="Null for public values.")
    values = serializers.IntegerField(help_text="Number of values.")
    keys = serializers.ListField(
        child=serializers.CharField(), help_text="Keys that are not numbers are hashed."
    )
    tags = serializers.ListField(child=serializers.CharField())


class RequestTraceSerializer(TraceSummarySerializer):
    """The whole trace of a request."""

    method = serializers.CharField()
    replica_queries = serializers.IntegerField()
    budget = BudgetCheckSerializer()
    redundant_queries = RedundantQueriesSerializer(many=True)  # type: ignore[assignment] # a list
    statements = StatementSerializer(many=True)
    statements_left_out = serializers.IntegerField()
    cache = LookupSerializer(many=True)
    cache_left_out = serializers.IntegerField()
    tags = serializers.ListField(
        child=serializers.CharField(), help_text="All cache tags that the response depends on."
    )
    others = serializers.ListField(
        child=serializers.CharField(),
        help_text="Ids of other traces with the same `X-Request-ID`, newest first.",
    )
    is_within_budget = None  # type: ignore[assignment] # it is part of `budget`
