"""What pg_stat_statements knows, with the routes that ask; and one statement with its plan."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from morpheus.cache.redis_client import RedisUnavailable
from perf.monitoring.dashboard import charts, figures
from perf.monitoring.dashboard.attempts import attempt
from perf.monitoring.dashboard.listing import Cell, Column, listing, measured, order_of
from perf.monitoring.dashboard.pages.routes import route_url
from perf.monitoring.dashboard.rendering import page
from perf.monitoring.queries.statement_routes import load_statement_routes
from perf.monitoring.sql_text import format_sql, normalize_statement
from perf.monitoring.statistics import statements
from perf.monitoring.statistics.reading import StatsUnavailable
from perf.monitoring.statistics.statements import StatementStats, StatementTotals

# The rest leads in no column.
LEADING = 100


def _statement(one: StatementStats) -> Cell:
    # PostgreSQL leaves values out of what it plans, and not of everything else.
    url = reverse("admin:perf_query", args=[one.query_id])
    return Cell(normalize_statement(one.text).text, url=url)


def _routes(one: StatementStats, by_fingerprint: dict[str, list[str]]) -> Cell:
    found = by_fingerprint.get(normalize_statement(one.text).fingerprint, [])
    if not found:
        return Cell(figures.NOTHING)
    more = f"and {len(found) - 1} more" if len(found) > 1 else ""
    return Cell(found[0], url=route_url(found[0]), note=more)


def _origins() -> dict[str, list[str]]:
    try:
        return load_statement_routes()
    except RedisUnavailable as error:
        raise StatsUnavailable(
            "The routes of the statements are unknown: the cache server does not respond "
            f"({error})."
        ) from error


def _per_call(value: float, one: StatementStats) -> str:
    ratio = value / one.calls if one.calls else 0
    return figures.number(ratio) if ratio >= 10 else f"{ratio:.1f}"


def _columns(by_fingerprint: dict[str, list[str]]) -> list[Column]:
    routes = Column("routes", "Asked by", lambda one: _routes(one, by_fingerprint), kind="text")
    return [COLUMNS[0], routes, *COLUMNS[1:]]


COLUMNS = [
    Column("statement", "Statement", _statement, kind="code"),
    Column(
        "total",
        "Time",
        lambda one: Cell(
            figures.percent(one.share),
            note=figures.ms(one.total_ms),
            picture=charts.share(one.share),
        ),
        key=lambda one: one.total_ms,
        help="Its part of the time of all statements.",
    ),
    measured("calls", "Calls", lambda one: one.calls, figures.number),
    measured("mean", "Mean", lambda one: one.mean_ms, figures.ms),
    measured("max", "Longest", lambda one: one.max_ms, figures.ms),
    Column(
        "rows",
        "Rows/call",
        lambda one: _per_call(one.rows, one),
        key=lambda one: one.rows,
        help="On average; sorted by their sum.",
    ),
    Column(
        "buffers",
        "Pages/call",
        lambda one: _per_call(one.buffers, one),
        key=lambda one: one.buffers,
        help="Pages of 8 kB that it looked at, on average; sorted by their sum.",
    ),
]


@require_safe
def queries(request: HttpRequest) -> HttpResponse:
    """GET /admin/perf/queries/ — the leading statements. Budget: 2 statements."""
    by, _ = order_of(request.GET.get("sort"), COLUMNS, "-total")
    found = attempt(lambda: statements.statements(by.name, limit=LEADING))
    totals = attempt(statements.totals)
    asking = attempt(_origins)
    table = listing(
        request,
        found.value or [],
        _columns(asking.value or {}),
        default="-total",
        is_sorted=True,
        empty=found.problem or "No statement was executed since the statistics began.",
    )
    context = {
        "statements": table,
        "problem": asking.problem,
        "sentence": _sentence(totals.value) if totals.value else totals.problem,
    }
    return page(request, "perf_queries", context)


@require_safe
def query(request: HttpRequest, query_id: int) -> HttpResponse:
    """GET /admin/perf/queries/{id}/ — one statement, and its plan. Budget: 2 statements."""
    tried = attempt(lambda: statements.statement(query_id))
    found = tried.value
    if found is None and not tried.problem:
        raise Http404
    context: dict[str, object] = {"found": found, "problem": tried.problem}
    if found is not None:
        shape = normalize_statement(found.text)
        asking = attempt(_origins).value or {}
        context |= {
            "shape": shape,
            "text": format_sql(shape.text),
            "facts": _facts(found),
            "sentence": _said(found),
            "plan": attempt(lambda: statements.generic_plan(found)),
            "routes": [(one, route_url(one)) for one in asking.get(shape.fingerprint, [])],
        }
    subtitle = (
        f"{normalize_statement(found.text).kind.capitalize()} statement" if found else "Statement"
    )
    return page(request, "perf_queries", context, template="query", subtitle=subtitle)


def _said(one: StatementStats) -> str:
    calls = f"{figures.number(one.calls)} calls took {figures.ms(one.mean_ms)} on average"
    share = f", {figures.percent(one.share)} of all database time" if one.share else ""
    return f"{calls}{share}."


def _facts(one: StatementStats) -> list[tuple[str, str, str]]:
    total = f"{figures.percent(one.share)} of all" if one.share is not None else ""
    read = f"{figures.percent(one.buffers_read / one.buffers)} not in memory" if one.buffers else ""
    return [
        ("Calls", figures.number(one.calls), f"{_per_call(one.rows, one)} rows each"),
        ("Mean", figures.ms(one.mean_ms), f"± {figures.ms(one.deviation_ms)}"),
        ("Longest", figures.ms(one.max_ms), ""),
        ("Time", figures.ms(one.total_ms), total),
        ("Pages", _per_call(one.buffers, one), f"per call; {read}" if read else "per call"),
    ]


def _sentence(totals: StatementTotals) -> str:
    said = (
        f"{figures.number(totals.statements)} statements in {figures.number(totals.calls)} calls "
        f"took {figures.ms(totals.total_ms)} in the last {figures.age(totals.since)}"
    )
    said += "." if totals.includes_planning else ", planning not counted."
    if totals.forgotten:
        said += (
            f" Rare ones were forgotten {figures.number(totals.forgotten)} times for want of room "
            "(pg_stat_statements.max)."
        )
    return said
