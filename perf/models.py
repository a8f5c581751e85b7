"""What the monitor keeps for operators."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class SlowQuery(models.Model):
    """A statement that took too long on a route, however often.

    Staff alone see and change it (row level security); only `perf.monitoring.slow_queries`
    writes it.

    Attributes:
        fingerprint: Of the statement's shape (`perf.monitoring.sql_text`).
        kind: `simple`, `join`, `search`, `write`, `control` or `commit`.
        statement: The shape's text: `?` stands for each value, so that nothing personal is in it.
        route: As in metrics; of no request, the command or thread.
        request_id: Of the last time; empty outside of requests.
        worst_ms, last_ms: As the client saw them.
        plan: EXPLAIN's JSON, without values, as the planner sees any values; NULL if there is none.
        plan_note: Why there is none.
        planned_at: When the plan was last taken, or tried.
        alerted_at: When somebody was last told by e-mail or webhook.
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
    alerted_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "slow query"
        verbose_name_plural = "slow queries"
        constraints = [
            models.UniqueConstraint(
                fields=["fingerprint", "route"], name="perf_slowquery_fingerprint_route_uq"
            ),
        ]
        indexes = [
            # The list of the admin, and which rows are the oldest.
            models.Index(fields=["-last_seen", "-id"], name="perf_slowquery_last_idx"),
        ]

    def __str__(self) -> str:
        return f"{self.fingerprint} of {self.route}"
