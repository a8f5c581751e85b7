"""Pages of what the server processes measured: overview, history, routes, cache, slow queries."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse

from perf.models import SlowQuery
from perf.monitoring.dashboard.check_runner import run_checks, summarize
from perf.monitoring.dashboard.checks import list_checks
from perf.monitoring.dashboard.measurements import (
    OUTCOMES,
    count_redundant_queries,
    measure_kinds,
    measure_offload,
    measure_policies,
    measure_routes,
)
from perf.monitoring.dashboard.page import OVERVIEW, Attempt, attempt, render_page
from perf.monitoring.dashboard.samples import Samples, read_samples
from perf.monitoring.dashboard.tables import Table, build_table
from perf.monitoring.explain import parse_plan
from perf.monitoring.history import WINDOWS, read_history
from perf.monitoring.queries.redundant import LABELS
from perf.monitoring.slow_queries.recorder import slow_ms
from perf.monitoring.sql_text import format_sql
from perf.monitoring.statistics.limited_queries import limited_cursor

MAX_SLOW_QUERIES = 100
WRITES = {"invalidated": "before the response", "deferred": "later, through the outbox"}


def show_overview(request: HttpRequest) -> HttpResponse:
    """GET /admin/perf/: the results of all checks."""
    finished = run_checks(list_checks(read_samples()))
    return render_page(request, OVERVIEW, finished=finished, summary=summarize(finished))


def show_history(request: HttpRequest) -> HttpResponse:
    """GET /admin/perf/history/?window=…: the main figures of the last hour, day or week."""
    window = request.GET.get("window", "")
    window = window if window in WINDOWS else "day"
    history = attempt(lambda: read_history(window))
    routes = Attempt(history.value.routes if history.value else [], history.problem)
    names = "route times.count p95_ms budget_used"
    return render_page(
        request,
        "perf_history",
        window=window,
        windows=WINDOWS,
        history=history,
        routes=build_table(request, routes, names, default="-budget_used"),
    )


def show_routes(request: HttpRequest) -> HttpResponse:
    """GET /admin/perf/routes/"""
    samples = read_samples()
    routes = measure_routes(samples)
    names = "route times.count p50_ms p95_ms budget_used p99_ms statements errors"
    return render_page(
        request,
        "perf_routes",
        compared=sum(route.state != "unknown" for route in routes),
        over=sum(route.state == "bad" for route in routes),
        routes=build_table(request, routes, names, default="-budget_used"),
        kinds=_kind_table(request, samples),
    )


def show_route(request: HttpRequest) -> HttpResponse:
    """GET /admin/perf/route/?route=…: one route's histogram and statements."""
    name = request.GET.get("route", "")
    samples = read_samples()
    stats = next((row for row in measure_routes(samples) if row.route == name), None)
    redundant = count_redundant_queries(samples, name)
    return render_page(
        request,
        "perf_routes",
        template="route",
        subtitle=stats.route if stats is not None else "Unknown route",
        stats=stats,
        redundant=[(label, redundant.get(kind, 0)) for kind, label in LABELS.items()],
        kinds=_kind_table(request, samples, name),
    )


def _kind_table(request: HttpRequest, samples: Samples, route: str | None = None) -> Table:
    names = "kind times.count p95_ms times.sum_ms"
    kinds = measure_kinds(samples, route)
    return build_table(request, kinds, names, default="-times.sum_ms", parameter="kinds")


def show_cache(request: HttpRequest) -> HttpResponse:
    """GET /admin/perf/cache/: policies, and the database time that they avoid."""
    samples = read_samples()
    writes = samples.sums("morpheus_cache_writes_total", "outcome")
    names = "policy lookups hit_ratio loads load_ms saved_seconds stale"
    return render_page(
        request,
        "perf_cache",
        offload=measure_offload(samples),
        outcomes=OUTCOMES,
        policies=build_table(request, measure_policies(samples), names, default="-saved_seconds"),
        writes=[(WRITES.get(outcome, outcome), writes[outcome,]) for (outcome,) in sorted(writes)],
    )


def show_slow_queries(request: HttpRequest) -> HttpResponse:
    """GET /admin/perf/slow/"""
    names = "route kind worst_ms count first_seen last_seen"
    return render_page(
        request,
        "perf_slow",
        slow_ms=slow_ms(),
        max_queries=MAX_SLOW_QUERIES,
        queries=build_table(request, attempt(_latest), names, default="-last_seen"),
    )


def show_slow_query(request: HttpRequest, pk: int) -> HttpResponse:
    """GET /admin/perf/slow/{id}/: one slow query with its plan."""
    query = SlowQuery.objects.filter(pk=pk).first() if pk < 2**63 else None
    if query is None:
        raise Http404
    return render_page(
        request,
        "perf_slow",
        template="slow_query",
        subtitle=f"Slow {query.kind} statement",
        query=query,
        text=format_sql(query.statement),
        fingerprint=query.fingerprint,
        routes=[query.route],
        plan=parse_plan(query.plan).as_text() if query.plan else "",
        plan_problem=query.plan_note or "The plan was not taken yet.",
    )


def _latest() -> list[SlowQuery]:
    with limited_cursor():
        rows = SlowQuery.objects.defer("plan").order_by("-last_seen", "-id")
        return list(rows[:MAX_SLOW_QUERIES])
