"""The pools of the server's processes, and the sessions that PostgreSQL has."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from perf.monitoring.dashboard import charts, figures, limits, pooling
from perf.monitoring.dashboard.attempts import attempt
from perf.monitoring.dashboard.listing import Cell, Column, listing, measured, named
from perf.monitoring.dashboard.metrics import samples
from perf.monitoring.dashboard.pooling import PoolUse
from perf.monitoring.dashboard.rendering import page
from perf.monitoring.statistics import connections
from perf.monitoring.statistics.connections import ConnectionLimits, SessionGroup


def _in_use(one: PoolUse) -> Cell:
    state = "bad" if one.waiting else "plain"
    return Cell(
        f"{one.in_use:.0f} of {one.most:.0f}", picture=charts.share(one.fill, state), note="in use"
    )


def _age(value: float | None, *, is_bad: bool) -> Cell:
    return Cell(figures.seconds(value), state="bad" if is_bad else "")


def _transaction(one: SessionGroup) -> Cell:
    return _age(one.transaction_s, is_bad=(one.transaction_s or 0) > limits.TRANSACTION_S)


POOL_COLUMNS = [
    named("alias", "Database", lambda one: one.alias),
    Column("use", "Connections", _in_use, key=lambda one: one.fill),
    Column(
        "waiting",
        "Waiting",
        lambda one: Cell(figures.number(one.waiting), state="bad" if one.waiting else ""),
        key=lambda one: one.waiting,
        help="Threads that wait for a connection at this moment.",
    ),
    measured("requests", "Asked for", lambda one: one.requests, figures.number),
    Column(
        "wait",
        "Mean wait",
        lambda one: Cell(figures.ms(one.mean_wait_ms), note=f"{figures.number(one.queued)} waited"),
        key=lambda one: one.mean_wait_ms,
    ),
    Column(
        "timeouts",
        "In vain",
        lambda one: Cell(figures.number(one.timeouts), state="bad" if one.timeouts else ""),
        key=lambda one: one.timeouts,
        help="Requests that got none in time, and were answered 503.",
    ),
    measured("lost", "Broken", lambda one: one.lost, figures.number),
]

SESSION_COLUMNS = [
    named("role", "Role", lambda one: one.role),
    Column(
        "state",
        "State",
        lambda one: one.state or "hidden",
        key=lambda one: one.state or "",
        kind="text",
        descends=False,
    ),
    measured("count", "Sessions", lambda one: one.count, figures.number),
    Column(
        "waiting",
        "For locks",
        lambda one: Cell(figures.number(one.waiting), state="bad" if one.waiting else ""),
        key=lambda one: one.waiting,
        help="Those of them that wait for a lock.",
    ),
    Column("transaction", "Oldest transaction", _transaction, key=lambda one: one.transaction_s),
    measured(
        "since",
        "In this state",
        lambda one: one.state_s,
        figures.seconds,
        help="The one that has been in it for longest.",
    ),
]


@require_safe
def connections_page(request: HttpRequest) -> HttpResponse:
    """GET /admin/perf/connections/ — pools and sessions. Budget: 2 statements."""
    pools = listing(
        request,
        pooling.pools(samples()),
        POOL_COLUMNS,
        default="-use",
        empty="No process has opened a pool yet.",
    )
    found = attempt(connections.sessions)
    sessions = listing(
        request,
        found.value or [],
        SESSION_COLUMNS,
        default="-count",
        empty=found.problem or "No session but this one is open.",
        parameter="sessions",
    )
    server = attempt(connections.limits)
    context = {
        "pools": pools,
        "sessions": sessions,
        "sentence": _sentence(server.value) if server.value else server.problem,
        "bar": charts.share(server.value.used / server.value.usable) if server.value else "",
    }
    return page(request, "perf_connections", context)


def _sentence(server: ConnectionLimits) -> str:
    return (
        f"PostgreSQL has {server.used} of {server.usable} connections that it allows us, of all "
        f"databases; {server.reserved} more are kept for administrators."
    )
