"""Routes against their budgets, and one route with its histograms."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from perf.monitoring.dashboard import charts, figures, latency, limits
from perf.monitoring.dashboard.latency import KindUse, RouteUse
from perf.monitoring.dashboard.listing import Cell, Column, listing, measured, named
from perf.monitoring.dashboard.metrics import samples
from perf.monitoring.dashboard.rendering import page


def route_url(route: str) -> str:
    """Return the address of a route's page."""
    return f"{reverse('admin:perf_route')}?{urlencode({'route': route})}"


def _against(p95_ms: float | None, limit_ms: float | None, fill: float | None, state: str) -> Cell:
    of = f"of {figures.ms(limit_ms)}" if limit_ms else "no budget"
    drawn = charts.share(fill, state) if fill is not None else None
    return Cell(figures.ms(p95_ms), note=of, picture=drawn, state=state)


COLUMNS = [
    Column(
        "route",
        "Route",
        lambda one: Cell(one.route, url=route_url(one.route)),
        key=lambda one: one.route,
        kind="text",
        descends=False,
    ),
    measured("count", "Requests", lambda one: one.latency.count, figures.number),
    measured("p50", "Median", lambda one: one.latency.percentile_ms(0.5), figures.ms),
    Column(
        "p95",
        "95 %",
        lambda one: _against(one.p95_ms, one.limit_ms, one.fill, one.state),
        key=lambda one: one.p95_ms,
        help="95 of 100 requests were answered within this time.",
    ),
    Column(
        "budget",
        "Of budget",
        lambda one: figures.percent(one.fill) if one.is_measured else figures.NOTHING,
        key=lambda one: one.fill if one.is_measured else None,
        help="The 95th percentile, as a part of what perf/budgets.toml allows; "
        f"from {limits.MEASUREMENTS} requests on.",
    ),
    measured("p99", "99 %", lambda one: one.latency.percentile_ms(0.99), figures.ms),
    Column(
        "statements",
        "Statements",
        lambda one: f"{one.statements:.1f}" if one.statements is not None else figures.NOTHING,
        key=lambda one: one.statements,
        help="Per request, on average.",
    ),
    Column(
        "errors",
        "Errors",
        lambda one: Cell(figures.number(one.errors), state="bad" if one.errors else ""),
        key=lambda one: one.errors,
        help="Answers of 500 and above.",
    ),
    Column(
        "shape",
        "Spread",
        lambda one: Cell("", picture=charts.small_histogram(one.latency, one.limit_ms)),
        kind="picture",
        help="From 1 ms to above 2 s; beyond the budget it stands out.",
    ),
]

KIND_COLUMNS = [
    named("kind", "Kind", lambda one: one.kind),
    measured("count", "Statements", lambda one: one.times.count, figures.number),
    Column(
        "p95",
        "95 %",
        lambda one: _against(one.p95_ms, one.limit_ms, one.fill, _state(one)),
        key=lambda one: one.p95_ms,
    ),
    measured(
        "total", "Time", lambda one: one.times.sum_ms, figures.ms, help="All of them together."
    ),
    Column(
        "shape",
        "Spread",
        lambda one: Cell("", picture=charts.small_histogram(one.times, one.limit_ms)),
        kind="picture",
    ),
]


def _state(one: KindUse) -> str:
    return "plain" if one.fill is None else "good" if one.fill <= 1 else "bad"


@require_safe
def routes(request: HttpRequest) -> HttpResponse:
    """GET /admin/perf/routes/ — every route, and all statements by kind. Budget: 0 statements."""
    found = samples()
    used = latency.routes(found)
    table = listing(
        request,
        used,
        COLUMNS,
        default="-budget",
        empty="Nothing was asked for since the servers started.",
    )
    kinds = listing(
        request,
        latency.kinds(found),
        KIND_COLUMNS,
        default="-total",
        empty="No statement was measured since the servers started.",
        parameter="kinds",
    )
    context = {"routes": table, "kinds": kinds, "sentence": _sentence(used)}
    return page(request, "perf_routes", context)


@require_safe
def route(request: HttpRequest) -> HttpResponse:
    """GET /admin/perf/route/?route=… — one route's latency and statements. Budget: 0 statements."""
    name = request.GET.get("route", "")
    found = samples()
    used = next((one for one in latency.routes(found) if one.route == name), None)
    kinds = listing(
        request,
        latency.kinds(found, name),
        KIND_COLUMNS,
        default="-total",
        empty="It asked the database nothing since the servers started.",
        parameter="kinds",
    )
    context: dict[str, object] = {"used": used, "kinds": kinds}
    if used is not None:
        context |= {
            "chart": charts.histogram(used.latency, used.limit_ms),
            "facts": _facts(used),
            "sentence": _said(used),
        }
    title = used.route if used is not None else "Unknown route"
    return page(request, "perf_routes", context, template="route", subtitle=title)


def _said(used: RouteUse) -> str:
    said = f"95 of 100 requests were answered within {figures.ms(used.p95_ms)}"
    if used.limit_ms is None:
        return f"{said}; it has no budget."
    return f"{said}; its budget is {figures.ms(used.limit_ms)}."


def _facts(used: RouteUse) -> list[tuple[str, str, str]]:
    limit = f"of {figures.ms(used.limit_ms)} in its budget" if used.limit_ms else "no budget"
    return [
        ("95 %", figures.ms(used.p95_ms), limit),
        ("Median", figures.ms(used.latency.percentile_ms(0.5)), "half of the requests"),
        ("99 %", figures.ms(used.latency.percentile_ms(0.99)), "all but one of a hundred"),
        ("Requests", figures.number(used.latency.count), f"{figures.number(used.errors)} failed"),
    ]


def _sentence(used: list[RouteUse]) -> str:
    budgeted = [one for one in used if one.fill is not None and one.is_measured]
    beyond = [one for one in budgeted if (one.fill or 0) > 1]
    if not budgeted:
        return "No route with a budget was asked for often enough to be judged."
    if not beyond:
        return f"All {len(budgeted)} routes that were asked for often enough keep their budgets."
    return f"{len(beyond)} of {len(budgeted)} routes are beyond their budgets."
