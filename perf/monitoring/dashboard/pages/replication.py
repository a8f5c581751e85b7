"""The replication page: replicas with their lag, and replication slots."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from morpheus.tracing.request_trace import REPLICA
from perf.monitoring.dashboard import thresholds
from perf.monitoring.dashboard.formatting import format_bytes, format_seconds
from perf.monitoring.dashboard.page import attempt, render_page
from perf.monitoring.dashboard.tables import build_table, number_column, text_column
from perf.monitoring.statistics import connections


def _is_late(replica: Any) -> bool:
    return (replica.lag_s or 0) > thresholds.MAX_REPLICA_LAG_S


def _retains_too_much(slot: Any) -> bool:
    return (slot.retained_bytes or 0) > thresholds.MAX_SLOT_BYTES


_LIMIT = f"limit {format_seconds(thresholds.MAX_REPLICA_LAG_S)}"
REPLICA_COLUMNS = [
    text_column("name", "Replica"),
    text_column("shown_state", "State", note=lambda replica: replica.sync_state or ""),
    number_column("lag_s", "Lag", format_seconds, note=lambda _: _LIMIT, is_bad=_is_late),
    number_column("lag_bytes", "WAL not replayed", format_bytes),
]
SLOT_COLUMNS = [
    text_column("name", "Slot", note=lambda slot: slot.kind),
    number_column(
        "is_active",
        "Active",
        lambda is_active: "yes" if is_active else "no",
        is_bad=lambda slot: not slot.is_active,
    ),
    number_column(
        "retained_bytes",
        "WAL retained",
        format_bytes,
        note=lambda slot: slot.status or "",
        is_bad=_retains_too_much,
        help="WAL that the consumer has not read, so that the disk has to keep it.",
    ),
]


@require_safe
def show_replication(request: HttpRequest) -> HttpResponse:
    """GET /admin/perf/replication/"""
    server = attempt(connections.server_role)
    replica_table = build_table(
        request,
        attempt(connections.replicas),
        REPLICA_COLUMNS,
        default="name",
        empty="No replica is connected.",
        caption="Replicas",
    )
    slot_table = build_table(
        request,
        attempt(connections.slots),
        SLOT_COLUMNS,
        default="-retained_bytes",
        empty="There is no replication slot.",
        caption="Slots",
        parameter="slots",
    )
    lead = _describe(server.value) if server.value else server.problem
    return render_page(request, "perf_replication", tables=[replica_table, slot_table], lead=lead)


def _describe(server: Any) -> str:
    reads = (
        "The API may read from the replica in DATABASE_REPLICA_URL."
        if REPLICA in settings.DATABASES
        else "No replica is configured: all reads go to the primary."
    )
    if server.is_replica:
        return f"This server is a replica. {reads}"
    if not server.allows_replicas:
        return (
            f"This server allows no replica: wal_level is {server.wal_level}, max_wal_senders is "
            f"{server.senders}. {reads}"
        )
    return f"This server allows {server.senders} replicas. {reads}"
