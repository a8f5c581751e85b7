"""The queries page: statements from pg_stat_statements with their routes, and one statement."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from morpheus.cache.redis_client import RedisUnavailable
from perf.monitoring.dashboard.charts import draw_share
from perf.monitoring.dashboard.formatting import (
    NONE,
    format_age,
    format_ms,
    format_number,
    format_percent,
)
from perf.monitoring.dashboard.page import Fact, attempt, render_page
from perf.monitoring.dashboard.pages.routes import route_url
from perf.monitoring.dashboard.tables import Cell, Column, build_table, number_column, parse_order
from perf.monitoring.queries.statement_routes import load_statement_routes
from perf.monitoring.sql_text import format_sql, normalize_statement
from perf.monitoring.statistics import statements
from perf.monitoring.statistics.limited_queries import StatisticsUnavailable

# The statements of the current order; later ones matter in no column.
MAX_STATEMENTS = 100
NOTE = (
    "The statements of the serving role in this database from pg_stat_statements, at most a "
    "hundred in the order of the selected column, without values."
)


def _statement(row: Any) -> Cell:
    # pg_stat_statements leaves values in statements that have no plan.
    url = reverse("admin:perf_query", args=[row.query_id])
    return Cell(normalize_statement(row.text).text, url=url)


def _per_call(row: Any, total: float) -> str:
    average = total / row.calls if row.calls else 0
    return f"{average:,.0f}" if average >= 10 else f"{average:.1f}"


COLUMNS = [
    Column("statement", "Statement", _statement, kind="code"),
    number_column(
        "total_ms",
        "Total time",
        format_ms,
        note=lambda row: format_percent(row.share),
        picture=lambda row: draw_share(row.share),
        help="Of all calls, and as a share of the time of all statements.",
    ),
    number_column("calls", "Calls"),
    number_column("mean_ms", "Mean", format_ms),
    number_column("max_ms", "Max", format_ms),
    number_column("rows", "Rows", note=lambda row: f"{_per_call(row, row.rows)} per call"),
    number_column(
        "buffers",
        "Buffers",
        note=lambda row: f"{_per_call(row, row.buffers)} per call",
        help="Shared buffers of 8 kB, hit or read.",
    ),
]


@require_safe
def show_queries(request: HttpRequest) -> HttpResponse:
    """GET /admin/perf/queries/"""
    by, _ = parse_order(request.GET.get("sort"), COLUMNS, "-total_ms")
    rows = attempt(lambda: statements.statements(by.name, limit=MAX_STATEMENTS))
    totals = attempt(statements.totals)
    routes = attempt(_load_routes)
    table = build_table(
        request,
        rows,
        [COLUMNS[0], _routes_column(routes.value or {}), *COLUMNS[1:]],
        default="-total_ms",
        is_sorted=True,
        empty="No statement was executed since the statistics were reset.",
    )
    return render_page(
        request,
        "perf_queries",
        tables=[table],
        lead=_describe_totals(totals.value) if totals.value else totals.problem,
        note=f"{routes.problem} {NOTE}".strip(),
    )


@require_safe
def show_query(request: HttpRequest, query_id: str) -> HttpResponse:
    """GET /admin/perf/queries/{id}/: one statement with its generic plan."""
    row = attempt(lambda: statements.statement(query_id))
    if row.value is None and not row.problem:
        raise Http404
    context: dict[str, Any] = {"problem": row.problem}
    subtitle = "Statement"
    if (statement := row.value) is not None:
        normalized = normalize_statement(statement.text)
        routes = attempt(_load_routes).value or {}
        plan = attempt(lambda: statements.generic_plan(statement.text))
        subtitle = f"{normalized.kind.capitalize()} statement"
        context = {
            "text": format_sql(normalized.text),
            "fingerprint": normalized.fingerprint,
            "lead": _describe(statement),
            "facts": _facts(statement),
            "routes": [(name, route_url(name)) for name in routes.get(normalized.fingerprint, [])],
            "plan": plan.value,
            "plan_problem": plan.problem,
            "plan_note": "Generic plan, just taken as the serving role and not executed: rows and "
            "costs are estimates.",
        }
    return render_page(request, "perf_queries", template="query", subtitle=subtitle, **context)


def _routes_column(by_fingerprint: dict[str, list[str]]) -> Column:
    def cell(row: Any) -> Cell:
        routes = by_fingerprint.get(normalize_statement(row.text).fingerprint, [])
        if not routes:
            return Cell(NONE)
        more = f"and {len(routes) - 1} more" if len(routes) > 1 else ""
        return Cell(routes[0], url=route_url(routes[0]), note=more)

    return Column("routes", "Routes", cell, kind="text")


def _load_routes() -> dict[str, list[str]]:
    try:
        return load_statement_routes()
    except RedisUnavailable as error:
        raise StatisticsUnavailable(
            "The routes of the statements are unknown: the cache server does not respond "
            f"({error})."
        ) from error


def _describe(statement: Any) -> str:
    calls = f"{format_number(statement.calls)} calls took {format_ms(statement.mean_ms)} on average"
    share = f", {format_percent(statement.share)} of all database time" if statement.share else ""
    return f"{calls}{share}."


def _facts(row: Any) -> list[Fact]:
    share = f"{format_percent(row.share)} of all" if row.share is not None else ""
    buffers = "per call"
    if row.buffers:
        buffers += f"; {format_percent(row.buffers_read / row.buffers)} read from outside"
    return [
        ("Calls", format_number(row.calls), f"{_per_call(row, row.rows)} rows each"),
        ("Mean", format_ms(row.mean_ms), f"± {format_ms(row.deviation_ms)}"),
        ("Max", format_ms(row.max_ms), ""),
        ("Total time", format_ms(row.total_ms), share),
        ("Buffers", _per_call(row, row.buffers), buffers),
    ]


def _describe_totals(totals: Any) -> str:
    sentence = (
        f"{format_number(totals.statements)} statements in {format_number(totals.calls)} calls "
        f"took {format_ms(totals.total_ms)} in the last {format_age(totals.since)}"
    )
    sentence += "." if totals.includes_planning else ", without planning."
    if totals.evictions:
        sentence += (
            f" Rare statements were evicted {format_number(totals.evictions)} times "
            "(pg_stat_statements.max)."
        )
    return sentence
