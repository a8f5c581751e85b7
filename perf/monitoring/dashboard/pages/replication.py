"""Who follows this server, how far behind, and what is kept for those who do not."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from morpheus.tracing.request_trace import REPLICA
from perf.monitoring.dashboard import figures, limits
from perf.monitoring.dashboard.attempts import attempt
from perf.monitoring.dashboard.listing import Cell, Column, listing, measured, named
from perf.monitoring.dashboard.rendering import page
from perf.monitoring.statistics import replication
from perf.monitoring.statistics.replication import ServerRole

REPLICA_COLUMNS = [
    named("name", "Replica", lambda one: one.name),
    Column(
        "state",
        "State",
        lambda one: Cell(one.state or "hidden", note=one.sync_state or ""),
        key=lambda one: one.state or "",
        kind="text",
        descends=False,
    ),
    Column(
        "lag",
        "Behind",
        lambda one: Cell(
            figures.seconds(one.lag_s) if one.lag_s is not None else "nothing to show",
            note=f"{figures.seconds(limits.REPLICA_LAG_S)} allowed",
            state="bad" if (one.lag_s or 0) > limits.REPLICA_LAG_S else "",
        ),
        key=lambda one: one.lag_s,
        help="How long ago was written what is shown there.",
    ),
    measured("bytes", "Not yet shown", lambda one: one.lag_bytes, figures.size),
]
SLOT_COLUMNS = [
    Column(
        "name",
        "Slot",
        lambda one: Cell(one.name, note=one.kind),
        key=lambda one: one.name,
        kind="text",
        descends=False,
    ),
    Column(
        "active",
        "Follower",
        lambda one: Cell(
            "follows" if one.is_active else "gone", state="" if one.is_active else "bad"
        ),
        key=lambda one: one.is_active,
        kind="text",
    ),
    Column(
        "kept",
        "Log kept",
        lambda one: Cell(
            figures.size(one.kept_bytes),
            note=one.status or "",
            state="bad" if (one.kept_bytes or 0) > limits.SLOT_BYTES else "",
        ),
        key=lambda one: one.kept_bytes,
        help="What the follower has not read and the disk has to keep.",
    ),
]


@require_safe
def replication_page(request: HttpRequest) -> HttpResponse:
    """GET /admin/perf/replication/ — replicas and slots. Budget: 3 statements."""
    server = attempt(replication.server_role)
    found, slots = attempt(replication.replicas), attempt(replication.slots)
    context = {
        "sentence": _sentence(server.value) if server.value else server.problem,
        "replicas": listing(
            request,
            found.value or [],
            REPLICA_COLUMNS,
            default="name",
            empty=found.problem or "No server follows this one.",
        ),
        "slots": listing(
            request,
            slots.value or [],
            SLOT_COLUMNS,
            default="-kept",
            empty=slots.problem or "There is no replication slot.",
            parameter="slots",
        ),
    }
    return page(request, "perf_replication", context)


def _sentence(server: ServerRole) -> str:
    configured = (
        "Reads may go to the replica of DATABASE_REPLICA_URL."
        if REPLICA in settings.DATABASES
        else "No replica is configured: all reads go to the primary."
    )
    if server.is_replica:
        return f"This server is a replica itself. {configured}"
    if not server.can_be_followed:
        return (
            f"Nobody can follow this server: its wal_level is {server.wal_level} and "
            f"max_wal_senders {server.senders}. {configured}"
        )
    return f"Up to {server.senders} servers may follow this one. {configured}"
