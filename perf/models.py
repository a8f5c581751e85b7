"""The tables of slow statements and of samples of the metrics."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class SlowQuery(models.Model):
    """A slow statement on one route, with all its slow executions.

    Only staff can read or change the rows (row level security); only
    `perf.monitoring.slow_queries` writes them.

    Attributes:
        fingerprint: Of the normalized statement (`perf.monitoring.sql_text`).
        kind: `simple`, `join`, `search`, `write`, `control` or `commit`.
        statement: The normalized text; `?` stands for each value, so it has no personal data.
        route: The label of the route in metrics; outside of requests, the command or thread.
        request_id: Of the last execution; empty outside of requests.
        worst_ms, last_ms: Of the slowest and the last execution, measured in the client.
        plan: EXPLAIN's JSON of the generic plan, with masked values; NULL without a plan.
        plan_note: The reason why there is no plan.
        planned_at: Time of the last attempt to take the plan.
    """

    fingerprint = models.CharField(max_length=16)
    kind = models.CharField(max_length=10)
    statement = models.TextField()
    route = models.CharField(max_length=300)
    request_id = models.CharField(max_length=64, blank=True)
    worst_ms = models.FloatField()
    last_ms = models.FloatField()
    count = models.PositiveBigIntegerField()
    first_seen = models.DateTimeField(db_default=Now())
    last_seen = models.DateTimeField(db_default=Now())
    plan = models.JSONField(null=True)
    plan_note = models.CharField(max_length=200, blank=True)
    planned_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "slow query"
        verbose_name_plural = "slow queries"
        constraints = [
            models.UniqueConstraint(
                fields=["fingerprint", "route"], name="perf_slowquery_fingerprint_route_uq"
            ),
        ]
        indexes = [
            # For the admin's list, and to find the oldest rows.
            models.Index(fields=["-last_seen", "-id"], name="perf_slowquery_last_idx"),
        ]

    def __str__(self) -> str:
        return f"{self.fingerprint} of {self.route}"


class MetricsSample(models.Model):
    """The counters of one server since its start, every five minutes (`perf.monitoring.history`).

    Figures alone, of no user, so there is no row level security. Housekeeping deletes old rows.

    Attributes:
        source: A server from its start to its end.
    """

    source = models.CharField(max_length=200)
    taken_at = models.DateTimeField()
    figures = models.JSONField()

    class Meta:
        constraints = [
            # One sample of each server, whichever of its processes is first; the dashboard's order.
            models.UniqueConstraint(
                fields=["source", "taken_at"], name="perf_metricssample_source_taken_uq"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source} at {self.taken_at}"
