"""The overview, the routes page, and one route with its histogram."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from perf.monitoring.dashboard import thresholds
from perf.monitoring.dashboard.charts import draw_histogram, draw_share, draw_small_histogram
from perf.monitoring.dashboard.check_runner import run_checks, summarize
from perf.monitoring.dashboard.checks import list_checks
from perf.monitoring.dashboard.formatting import NONE, format_ms, format_number, format_percent
from perf.monitoring.dashboard.measurements import (
    Latency,
    RouteStats,
    count_redundant_queries,
    measure_kinds,
    measure_routes,
)
from perf.monitoring.dashboard.page import OVERVIEW, Fact, render_page
from perf.monitoring.dashboard.samples import Samples, read_samples
from perf.monitoring.dashboard.tables import (
    Cell,
    Column,
    Table,
    build_table,
    is_positive,
    number_column,
    text_column,
)
from perf.monitoring.queries.redundant import LABELS

NOTE = (
    "Counted by all server processes since they started. Budgets are those of perf/budgets.toml. "
    "Percentiles are estimates within the buckets of the histogram."
)


def route_url(route: str) -> str:
    """Return the URL of a route's page."""
    return f"{reverse('admin:perf_route')}?{urlencode({'route': route})}"


def _p95(row: Latency) -> Cell:
    limit = f"limit {format_ms(row.limit_ms)}" if row.limit_ms else "no limit"
    picture = draw_share(row.budget_used, row.state) if row.budget_used is not None else None
    return Cell(format_ms(row.p95_ms), note=limit, picture=picture, state=row.state)


def _average(count: float | None) -> str:
    return NONE if count is None else f"{count:.1f}"


def _distribution(row: Latency) -> Cell:
    return Cell("", picture=draw_small_histogram(row.times, row.limit_ms))


_P95 = Column("p95_ms", "p95", _p95, key=lambda row: row.p95_ms, help="95 of 100 took less.")
_DISTRIBUTION = Column(
    "distribution",
    "Distribution",
    _distribution,
    kind="picture",
    help="From 1 ms to more than 2 s; times over the limit are red.",
)
ROUTE_COLUMNS = [
    text_column("route", "Route", url=lambda row: route_url(row.route)),
    number_column("times.count", "Requests"),
    number_column("p50_ms", "p50", format_ms),
    _P95,
    number_column(
        "budget_used",
        "Budget used",
        format_percent,
        help="p95 as a share of its limit in perf/budgets.toml, "
        f"from {thresholds.MIN_MEASUREMENTS} requests on.",
    ),
    number_column("p99_ms", "p99", format_ms),
    number_column("statements", "Statements", _average, help="Per request on average."),
    number_column("errors", "Errors", is_bad=is_positive("errors"), help="5xx responses."),
    _DISTRIBUTION,
]
KIND_COLUMNS = [
    text_column("kind", "Kind"),
    number_column("times.count", "Statements"),
    _P95,
    number_column("times.sum_ms", "Total time", format_ms),
    _DISTRIBUTION,
]


@require_safe
def show_overview(request: HttpRequest) -> HttpResponse:
    """GET /admin/perf/: the results of all checks."""
    finished = run_checks(list_checks(read_samples()))
    summary = summarize(finished)
    return render_page(request, OVERVIEW, template="overview", finished=finished, summary=summary)


@require_safe
def show_routes(request: HttpRequest) -> HttpResponse:
    """GET /admin/perf/routes/"""
    samples = read_samples()
    routes = measure_routes(samples)
    table = build_table(
        request,
        routes,
        ROUTE_COLUMNS,
        default="-budget_used",
        empty="There was no request since the servers started.",
    )
    kinds = _kind_table(request, samples, None)
    lead = _summarize_budgets(routes)
    return render_page(request, "perf_routes", tables=[table, kinds], lead=lead, note=NOTE)


@require_safe
def show_route(request: HttpRequest) -> HttpResponse:
    """GET /admin/perf/route/?route=…: one route's histogram and statements."""
    name = request.GET.get("route", "")
    samples = read_samples()
    stats = next((row for row in measure_routes(samples) if row.route == name), None)
    context: dict[str, Any] = {"stats": stats, "kinds": _kind_table(request, samples, name)}
    if stats is not None:
        context |= {
            "chart": draw_histogram(stats.times, stats.limit_ms),
            "facts": _facts(stats, count_redundant_queries(samples, name)),
            "lead": _describe(stats),
        }
    subtitle = stats.route if stats is not None else "Unknown route"
    return render_page(request, "perf_routes", template="route", subtitle=subtitle, **context)


def _kind_table(request: HttpRequest, samples: Samples, route: str | None) -> Table:
    return build_table(
        request,
        measure_kinds(samples, route),
        KIND_COLUMNS,
        default="-times.sum_ms",
        empty="There was no statement since the servers started.",
        caption="Statements by kind",
        parameter="kinds",
    )


def _describe(stats: RouteStats) -> str:
    sentence = f"95 of 100 requests took at most {format_ms(stats.p95_ms)}"
    if stats.limit_ms is None:
        return f"{sentence}; there is no budget."
    return f"{sentence}; the budget is {format_ms(stats.limit_ms)}."


def _facts(stats: RouteStats, redundant: dict[str, float]) -> list[Fact]:
    limit = f"limit {format_ms(stats.limit_ms)}" if stats.limit_ms else "no limit"
    return [
        ("p95", format_ms(stats.p95_ms), limit),
        ("p50", format_ms(stats.p50_ms), ""),
        ("p99", format_ms(stats.p99_ms), ""),
        ("Requests", format_number(stats.times.count), f"{format_number(stats.errors)} errors"),
        *(
            (label, format_number(redundant.get(kind, 0)), "avoidable statements")
            for kind, label in LABELS.items()
        ),
    ]


def _summarize_budgets(routes: list[RouteStats]) -> str:
    compared = [route for route in routes if route.state != "unknown"]
    over = [route for route in compared if route.state == "bad"]
    if not compared:
        return "No route with a budget has enough requests yet."
    if not over:
        return f"All {len(compared)} routes with enough requests are within their budgets."
    return f"{len(over)} of {len(compared)} routes exceed their budgets."
