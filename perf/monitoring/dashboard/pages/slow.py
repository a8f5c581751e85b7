"""Slow queries as they were recorded, with their plans."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from perf.models import SlowQuery
from perf.monitoring.dashboard import figures
from perf.monitoring.dashboard.attempts import attempt
from perf.monitoring.dashboard.listing import Cell, Column, listing, measured
from perf.monitoring.dashboard.pages.routes import route_url
from perf.monitoring.dashboard.rendering import page
from perf.monitoring.explain import parse_plan
from perf.monitoring.slow_queries.detection import slow_ms
from perf.monitoring.sql_text import format_sql
from perf.monitoring.statistics.reading import limited

LATEST = 100

COLUMNS = [
    Column(
        "statement",
        "Statement",
        lambda one: Cell(one.statement, url=reverse("admin:perf_slow_query", args=[one.pk])),
        kind="code",
    ),
    Column(
        "route",
        "Asked by",
        lambda one: Cell(one.route, url=route_url(one.route)),
        key=lambda one: one.route,
        kind="text",
        descends=False,
    ),
    Column("kind", "Kind", lambda one: one.kind, key=lambda one: one.kind, descends=False),
    measured("worst", "Longest", lambda one: one.worst_ms, figures.ms),
    measured("times", "Times", lambda one: one.count, figures.number),
    measured("first", "First", lambda one: one.first_seen, figures.ago),
    measured("last", "Last", lambda one: one.last_seen, figures.ago),
]


def _latest() -> list[SlowQuery]:
    with limited():
        return list(SlowQuery.objects.defer("plan").order_by("-last_seen", "-id")[:LATEST])


@require_safe
def slow(request: HttpRequest) -> HttpResponse:
    """GET /admin/perf/slow/ — the latest slow queries. Budget: 1 statement."""
    found = attempt(_latest)
    table = listing(
        request,
        found.value or [],
        COLUMNS,
        default="-last",
        empty=found.problem or "No statement was slow so far.",
    )
    limit = figures.ms(slow_ms())
    sentence = f"A statement that takes longer than {limit} is kept here with its plan."
    return page(request, "perf_slow", {"queries": table, "sentence": sentence})


@require_safe
def slow_query(request: HttpRequest, pk: int) -> HttpResponse:
    """GET /admin/perf/slow/{id}/ — one slow query, and its plan. Budget: 1 statement."""
    found = SlowQuery.objects.filter(pk=pk).first() if pk < 2**63 else None
    if found is None:
        raise Http404
    context = {
        "found": found,
        "text": format_sql(found.statement),
        "facts": _facts(found),
        "plan": parse_plan(found.plan).as_text() if found.plan else "",
        "planned": figures.ago(found.planned_at),
        "route_url": route_url(found.route),
        "sentence": f"It took up to {figures.ms(found.worst_ms)}, {_times(found)}.",
    }
    subtitle = f"Slow {found.kind} statement"
    return page(request, "perf_slow", context, template="slow_query", subtitle=subtitle)


def _times(found: SlowQuery) -> str:
    return "once" if found.count == 1 else f"{figures.number(found.count)} times"


def _facts(found: SlowQuery) -> list[tuple[str, str, str]]:
    return [
        ("Longest", figures.ms(found.worst_ms), f"{figures.ms(found.last_ms)} the last time"),
        ("Times", figures.number(found.count), "slower than allowed"),
        ("First", figures.ago(found.first_seen), ""),
        ("Last", figures.ago(found.last_seen), ""),
    ]
