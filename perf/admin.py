"""Slow statements in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.utils.html import format_html

from morpheus.admin.model_admins import ReadOnlyAdmin
from perf.models import SlowQuery
from perf.monitoring.explain import parse_plan


@admin.register(SlowQuery)
class SlowQueryAdmin(ReadOnlyAdmin):
    """The slow statements, latest first."""

    list_display = ["last_seen", "route", "kind", "worst_ms", "count", "statement_prefix"]
    list_filter = ["kind"]
    list_defer = ("plan",)
    ordering = ("-last_seen",)
    search_prefixes = ("route", "fingerprint")
    search_help_text = "Prefix of the route (GET /novels/) or of the fingerprint, or an id."
    fields = [
        *("route", "kind", "count", "worst_ms", "last_ms", "first_seen", "last_seen"),
        *("request_id", "fingerprint", "statement", "plan_lines", "planned_at"),
    ]

    @admin.display(description="statement")
    def statement_prefix(self, query: SlowQuery) -> str:
        text = query.statement
        return text if len(text) <= 80 else f"{text[:79]}…"

    @admin.display(description="plan")
    def plan_lines(self, query: SlowQuery) -> str:
        if query.plan is None:
            return query.plan_note or "Not taken yet."
        return format_html("<pre>{}</pre>", parse_plan(query.plan).as_text())
