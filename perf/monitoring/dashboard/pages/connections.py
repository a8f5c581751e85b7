"""The connections page: connection pools of the server, and sessions of PostgreSQL."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from perf.monitoring.dashboard import thresholds
from perf.monitoring.dashboard.charts import draw_share
from perf.monitoring.dashboard.formatting import (
    format_ms,
    format_number,
    format_percent,
    format_seconds,
)
from perf.monitoring.dashboard.measurements import measure_pools
from perf.monitoring.dashboard.page import attempt, render_page
from perf.monitoring.dashboard.samples import read_samples
from perf.monitoring.dashboard.tables import build_table, is_positive, number_column, text_column
from perf.monitoring.statistics.connections import connection_limits, sessions

NOTE = (
    "Without the session of this page. The statements of sessions are not shown, because they may "
    "contain values."
)


def _is_too_old(group: Any) -> bool:
    return (group.transaction_s or 0) > thresholds.MAX_TRANSACTION_S


_TIMEOUTS = "Requests that got no connection in time; their response was 503."
POOL_COLUMNS = [
    text_column("alias", "Database"),
    number_column(
        "fill",
        "In use",
        format_percent,
        note=lambda pool: f"{pool.in_use:.0f} of {pool.size_limit:.0f}",
        picture=lambda pool: draw_share(pool.fill, "bad" if pool.waiting else "plain"),
    ),
    number_column("waiting", "Waiting", is_bad=is_positive("waiting"), help="Threads, now."),
    number_column("requests", "Requests"),
    number_column(
        "mean_wait_ms",
        "Pool wait",
        format_ms,
        note=lambda pool: f"{format_number(pool.queued)} waited",
        help="Average wait of the requests that had to wait.",
    ),
    number_column("timeouts", "Pool timeouts", is_bad=is_positive("timeouts"), help=_TIMEOUTS),
    number_column("lost", "Broken", help="Connections that were found broken."),
]
SESSION_COLUMNS = [
    text_column("role", "Role"),
    text_column("shown_state", "State"),
    number_column("count", "Sessions"),
    number_column("waiting", "Waiting for locks", is_bad=is_positive("waiting")),
    number_column("transaction_s", "Oldest transaction", format_seconds, is_bad=_is_too_old),
    number_column("state_s", "Longest in state", format_seconds),
]


@require_safe
def show_connections(request: HttpRequest) -> HttpResponse:
    """GET /admin/perf/connections/"""
    pools = build_table(
        request,
        measure_pools(read_samples()),
        POOL_COLUMNS,
        default="-fill",
        empty="No process has opened a pool yet.",
        caption="Pools of the server processes",
    )
    session_table = build_table(
        request,
        attempt(sessions),
        SESSION_COLUMNS,
        default="-count",
        empty="There is no other session.",
        caption="Sessions of this database",
        parameter="sessions",
    )
    limits = attempt(connection_limits)
    return render_page(
        request,
        "perf_connections",
        tables=[pools, session_table],
        lead=_describe(limits.value) if limits.value else limits.problem,
        bar=draw_share(limits.value.used / limits.value.usable) if limits.value else None,
        note=NOTE,
    )


def _describe(limits: Any) -> str:
    return (
        f"PostgreSQL has {limits.used} of {limits.usable} possible connections, to all databases; "
        f"{limits.reserved} more are reserved for administrators."
    )
