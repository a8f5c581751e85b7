"""The slow queries page, and one slow query with its plan."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.http import require_safe

from perf.models import SlowQuery
from perf.monitoring.dashboard.formatting import format_ago, format_ms, format_number
from perf.monitoring.dashboard.page import Fact, attempt, render_page
from perf.monitoring.dashboard.pages.routes import route_url
from perf.monitoring.dashboard.tables import Cell, Column, build_table, number_column, text_column
from perf.monitoring.explain import parse_plan
from perf.monitoring.slow_queries.recorder import slow_ms
from perf.monitoring.sql_text import format_sql
from perf.monitoring.statistics.limited_queries import limited_cursor

MAX_QUERIES = 100


def _statement(row: SlowQuery) -> Cell:
    return Cell(row.statement, url=reverse("admin:perf_slow_query", args=[row.pk]))


COLUMNS = [
    Column("statement", "Statement", _statement, kind="code"),
    text_column("route", "Route", url=lambda row: route_url(row.route)),
    text_column("kind", "Kind"),
    number_column("worst_ms", "Max", format_ms),
    number_column("count", "Count"),
    number_column("first_seen", "First seen", format_ago),
    number_column("last_seen", "Last seen", format_ago),
]


@require_safe
def show_slow_queries(request: HttpRequest) -> HttpResponse:
    """GET /admin/perf/slow/"""
    table = build_table(
        request,
        attempt(_latest),
        COLUMNS,
        default="-last_seen",
        empty="No statement was slow so far.",
    )
    limit = format_ms(slow_ms())
    note = format_html(
        "The latest {} by statement and route, without values. <a href='{}'>Search all</a>.",
        MAX_QUERIES,
        reverse("admin:perf_slowquery_changelist"),
    )
    lead = f"Statements that take longer than {limit} are recorded with their plans."
    return render_page(request, "perf_slow", tables=[table], lead=lead, note=note)


@require_safe
def show_slow_query(request: HttpRequest, pk: int) -> HttpResponse:
    """GET /admin/perf/slow/{id}/"""
    query = SlowQuery.objects.filter(pk=pk).first() if pk < 2**63 else None
    if query is None:
        raise Http404
    return render_page(
        request,
        "perf_slow",
        template="query",
        subtitle=f"Slow {query.kind} statement",
        text=format_sql(query.statement),
        fingerprint=query.fingerprint,
        lead=f"It took up to {format_ms(query.worst_ms)}, {_times(query)}.",
        facts=_facts(query),
        routes=[(query.route, route_url(query.route))],
        request_id=query.request_id,
        plan=parse_plan(query.plan).as_text() if query.plan else "",
        plan_problem=query.plan_note or "The plan was not taken yet.",
        plan_note=f"Generic plan, taken {format_ago(query.planned_at)} and not executed.",
    )


def _latest() -> list[SlowQuery]:
    with limited_cursor():
        rows = SlowQuery.objects.defer("plan").order_by("-last_seen", "-id")
        return list(rows[:MAX_QUERIES])


def _times(query: SlowQuery) -> str:
    return "once" if query.count == 1 else f"{format_number(query.count)} times"


def _facts(query: SlowQuery) -> list[Fact]:
    return [
        ("Max", format_ms(query.worst_ms), f"last {format_ms(query.last_ms)}"),
        ("Count", format_number(query.count), "slow executions"),
        ("First seen", format_ago(query.first_seen), ""),
        ("Last seen", format_ago(query.last_seen), ""),
    ]
