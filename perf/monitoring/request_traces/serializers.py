"""What staff are shown of requests; records are made in `record`, these describe them."""

from __future__ import annotations

from rest_framework import serializers

from perf.monitoring.queries.waste import DUPLICATE, N_PLUS_ONE


class RequestHeadSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A request in the list."""

    id = serializers.CharField(help_text="Of the record; ours, so that no two have the same.")
    request_id = serializers.CharField(
        help_text="`X-Request-ID` of the answer; a client may have chosen it."
    )
    at = serializers.DateTimeField(help_text="When it was answered.")
    is_asked = serializers.BooleanField(help_text="Whether `X-Explain: 1` asked for it.")
    route = serializers.CharField(help_text="Like `GET /novels/{novel_id}/`.")
    status = serializers.IntegerField()
    ms = serializers.FloatField()
    user_id = serializers.IntegerField(allow_null=True)
    queries = serializers.IntegerField(help_text="Statements, COMMIT not among them.")
    database_ms = serializers.FloatField()
    is_kept_answer = serializers.BooleanField(
        help_text="Whether a kept answer left as it was, and Django was not asked."
    )
    is_within_budget = serializers.BooleanField(
        allow_null=True, help_text="Null where the route has no budget."
    )
    waste = serializers.IntegerField(help_text="How many shapes of statements were wasted.")


class VerdictSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """The budget of the route (perf/budgets.toml), and what was broken."""

    is_within_budget = serializers.BooleanField(allow_null=True)
    breaches = serializers.ListField(child=serializers.CharField(), help_text="Sentences.")
    queries = serializers.IntegerField(
        help_text="Statements that count: not the identity, savepoints and COMMIT."
    )
    queries_budget = serializers.IntegerField(
        allow_null=True, help_text="The warm one if all that was asked of the cache was there."
    )
    p95_ms = serializers.FloatField(allow_null=True)
    p99_ms = serializers.FloatField(allow_null=True)


class WasteSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Statements of one shape that one statement would have done for."""

    kind = serializers.ChoiceField([N_PLUS_ONE, DUPLICATE])
    fingerprint = serializers.CharField()
    times = serializers.IntegerField()
    sql = serializers.CharField()


class StatementSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A statement; no value of it is kept."""

    fingerprint = serializers.CharField()
    kind = serializers.CharField(help_text="simple, join, search, write, control or commit.")
    sql = serializers.CharField(help_text="With `?` for each value.")
    alias = serializers.CharField(help_text="Which database.")
    ms = serializers.FloatField()
    budget_ms = serializers.FloatField(allow_null=True)
    rows = serializers.IntegerField(allow_null=True, help_text="Returned or changed.")
    is_failed = serializers.BooleanField()
    plan = serializers.DictField(
        allow_null=True,
        help_text="What EXPLAIN said just after the answer, `?` for each value; with the first "
        "statement of its shape.",
    )
    no_plan_because = serializers.CharField(allow_blank=True)


class LookupSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Values of one policy that the cache was asked for together."""

    policy = serializers.CharField()
    outcome = serializers.CharField(help_text="hit, miss, joined, marked or bypass.")
    reader_id = serializers.IntegerField(allow_null=True, help_text="Null: they are public.")
    values = serializers.IntegerField(help_text="How many.")
    keys = serializers.ListField(
        child=serializers.CharField(), help_text="What is no number is shown as a digest."
    )
    tags = serializers.ListField(child=serializers.CharField())


class RequestExplanationSerializer(RequestHeadSerializer):
    """All that is known of a request."""

    method = serializers.CharField()
    replica_queries = serializers.IntegerField()
    verdict = VerdictSerializer()
    waste = WasteSerializer(many=True)  # type: ignore[assignment] # here, not only how many
    statements = StatementSerializer(many=True)
    statements_left_out = serializers.IntegerField()
    cache = LookupSerializer(many=True)
    cache_left_out = serializers.IntegerField()
    tags = serializers.ListField(
        child=serializers.CharField(), help_text="All that the answer depends on."
    )
    others = serializers.ListField(
        child=serializers.CharField(),
        help_text="Ids of other records with the same `X-Request-ID`, newest first.",
    )
    is_within_budget = None  # type: ignore[assignment] # it is in the verdict
