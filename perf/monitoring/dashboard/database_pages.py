"""Pages of PostgreSQL's statistics: queries, connections, tables, indexes, replication."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone

from morpheus.cache.redis_client import RedisUnavailable
from morpheus.tracing.request_trace import REPLICA
from perf.monitoring.dashboard import thresholds
from perf.monitoring.dashboard.measurements import measure_pools
from perf.monitoring.dashboard.page import Attempt, attempt, render_page
from perf.monitoring.dashboard.samples import read_samples
from perf.monitoring.dashboard.tables import build_table, parse_order
from perf.monitoring.queries.statement_routes import load_statement_routes
from perf.monitoring.sql_text import format_sql, normalize_statement
from perf.monitoring.statistics import connections, indexes, statements, tables
from perf.monitoring.statistics.limited_queries import StatisticsUnavailable

# The statements of the current order; later ones matter in no column.
MAX_STATEMENTS = 100


def show_queries(request: HttpRequest) -> HttpResponse:
    """GET /admin/perf/queries/: statements from pg_stat_statements with their routes."""
    names = " ".join(statements.ORDERS)
    order = parse_order(request.GET.get("sort"), names, "-total_ms").removeprefix("-")
    rows = attempt(lambda: statements.statements(order, limit=MAX_STATEMENTS))
    routes = attempt(_load_routes)
    with_routes = [
        {"stats": row, "routes": _routes_of(row.text, routes)} for row in rows.value or []
    ]
    table = build_table(
        request,
        Attempt(with_routes, rows.problem),
        names,
        default="-total_ms",
        is_sorted=True,
    )
    totals = attempt(statements.totals)
    return render_page(request, "perf_queries", statements=table, totals=totals, routes=routes)


def show_query(request: HttpRequest, query_id: str) -> HttpResponse:
    """GET /admin/perf/queries/{id}/: one statement with its generic plan."""
    row = attempt(lambda: statements.statement([query_id]))
    if row.value is None and not row.problem:
        raise Http404
    context: dict[str, Any] = {"problem": row.problem, "subtitle": "Statement"}
    if (stats := row.value) is not None:
        normalized = normalize_statement(stats.text)
        plan = attempt(lambda: statements.generic_plan(stats.text))
        context = {
            "stats": stats,
            "read_share": stats.buffers_read / stats.buffers if stats.buffers else None,
            "subtitle": f"{normalized.kind.capitalize()} statement",
            "text": format_sql(normalized.text),
            "fingerprint": normalized.fingerprint,
            "routes": _routes_of(stats.text, attempt(_load_routes)),
            "plan": plan.value,
            "plan_problem": plan.problem,
        }
    return render_page(request, "perf_queries", template="query", **context)


def _routes_of(sql: str, routes: Attempt[dict[str, list[str]]]) -> list[str]:
    return (routes.value or {}).get(normalize_statement(sql).fingerprint, [])


def _load_routes() -> dict[str, list[str]]:
    try:
        return load_statement_routes()
    except RedisUnavailable as error:
        raise StatisticsUnavailable(
            "The routes of the statements are unknown: the cache server does not respond "
            f"({error})."
        ) from error


def show_connections(request: HttpRequest) -> HttpResponse:
    """GET /admin/perf/connections/: the server's pools, and PostgreSQL's sessions."""
    limits = attempt(connections.connection_limits)
    pools = measure_pools(read_samples())
    pool_names = "alias fill waiting requests mean_wait_ms timeouts lost"
    session_names = "role shown_state count waiting transaction_s state_s"
    return render_page(
        request,
        "perf_connections",
        limits=limits,
        used=limits.value.used / limits.value.usable if limits.value else None,
        pools=build_table(request, pools, pool_names, default="-fill"),
        sessions=build_table(
            request,
            attempt(connections.sessions),
            session_names,
            default="-count",
            parameter="sessions",
        ),
    )


def show_tables(request: HttpRequest) -> HttpResponse:
    """GET /admin/perf/tables/: sizes, dead rows, vacuum, and the database as a whole."""
    rows = attempt(tables.tables)
    database = attempt(tables.database)
    age = database.value.transaction_age if database.value else 0
    names = "name rows size_bytes dead_rows hot_ratio sequential_scans vacuumed_at analyzed_at"
    return render_page(
        request,
        "perf_tables",
        tables=build_table(request, rows, names, default="-size_bytes"),
        largest_bytes=max((row.size_bytes for row in rows.value or []), default=0),
        database=database,
        transaction_age=age / thresholds.MAX_TRANSACTION_AGE,
    )


def show_indexes(request: HttpRequest) -> HttpResponse:
    """GET /admin/perf/indexes/: missing, duplicate and unused indexes, sequential scans."""
    build = partial(build_table, request, default="-size_bytes")
    since = attempt(indexes.statistics_since)
    every = attempt(indexes.list_indexes)
    sizes = every.value
    unused = every if sizes is None else attempt(lambda: indexes.unused_indexes(sizes))
    counted_since = since.value.since if since.value else None
    days = (timezone.now() - counted_since).days if counted_since else 0
    return render_page(
        request,
        "perf_indexes",
        since=counted_since,
        since_problem=since.problem,
        is_new=days < thresholds.MIN_UNUSED_DAYS,
        foreign_keys=build(
            attempt(indexes.unindexed_foreign_keys),
            "table references rows size_bytes",
            parameter="missing",
        ),
        sequential_scans=build_table(
            request,
            attempt(lambda: indexes.sequential_scans([thresholds.MIN_SCANNED_ROWS])),
            "table scans rows_read index_scans rows",
            default="-rows_read",
            parameter="sequential",
        ),
        duplicates=build(
            attempt(indexes.duplicate_indexes),
            "index covered_by size_bytes",
            parameter="duplicate",
        ),
        unused=build(unused, "index size_bytes", parameter="unused"),
        all_indexes=build(every, "index scans size_bytes"),
    )


def show_replication(request: HttpRequest) -> HttpResponse:
    """GET /admin/perf/replication/: replicas with their lag, and replication slots."""
    replicas = attempt(connections.replicas)
    slots = attempt(connections.slots)
    slot_names = "name is_active retained_bytes"
    return render_page(
        request,
        "perf_replication",
        server=attempt(connections.server_role),
        has_replica=REPLICA in settings.DATABASES,
        replicas=build_table(request, replicas, "name shown_state lag_s lag_bytes", default="name"),
        slots=build_table(request, slots, slot_names, default="-retained_bytes", parameter="slots"),
    )
