"""The cache page: policies, and the database time that they avoid."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from perf.monitoring.dashboard import thresholds
from perf.monitoring.dashboard.charts import draw_stack
from perf.monitoring.dashboard.formatting import (
    format_ms,
    format_number,
    format_percent,
    format_seconds,
)
from perf.monitoring.dashboard.measurements import (
    Offload,
    PolicyStats,
    measure_offload,
    measure_policies,
)
from perf.monitoring.dashboard.page import render_page
from perf.monitoring.dashboard.samples import Samples, read_samples
from perf.monitoring.dashboard.tables import (
    Cell,
    Column,
    build_table,
    is_positive,
    number_column,
    text_column,
)

OUTCOMES = {
    "hit": "cache hit",
    "joined": "joined another thread's load",
    "miss": "cache miss",
    "write_intent": "bypass, because a writer was committing",
    "bypass": "other bypass",
}
WRITES = {"invalidated": "before the response", "deferred": "later, through the outbox"}
NOTE = (
    "Avoided time: for each policy, hits times the average load. Spent time: all statements of "
    "requests. Counted since the servers started."
)


def _outcomes(policy: PolicyStats) -> Cell:
    parts = []
    for outcome, text in OUTCOMES.items():
        count = policy.outcomes.get(outcome, 0.0)
        parts.append((outcome, count, f"{format_number(count)} {text}"))
    return Cell("", picture=draw_stack(parts))


def _describe_verified(policy: PolicyStats) -> str:
    return f"of {format_number(policy.verified)} verified" if policy.verified else ""


_LOOKUPS = "Values, not requests: a page of twenty cards looks up twenty."
_STALE = "Hits that shadow verification found to be stale."
COLUMNS = [
    text_column("policy", "Policy"),
    number_column("lookups", "Lookups", help=_LOOKUPS),
    number_column("hit_ratio", "Cache hits", format_percent, help="Without database time."),
    Column("outcomes", "Outcomes", _outcomes, kind="picture"),
    number_column("loads", "Loads"),
    number_column("load_ms", "Time per load", format_ms, help="Database time of one value."),
    number_column("saved_seconds", "Avoided time", format_seconds, help="Hits × time per load."),
    number_column(
        "stale", "Stale hits", note=_describe_verified, is_bad=is_positive("stale"), help=_STALE
    ),
]


@require_safe
def show_cache(request: HttpRequest) -> HttpResponse:
    """GET /admin/perf/cache/"""
    samples = read_samples()
    offload = measure_offload(samples)
    table = build_table(
        request,
        measure_policies(samples),
        COLUMNS,
        default="-saved_seconds",
        empty="No policy had a lookup since the servers started.",
    )
    parts = [
        ("hit", offload.avoided_seconds, f"{format_seconds(offload.avoided_seconds)} avoided"),
        ("miss", offload.spent_seconds, f"{format_seconds(offload.spent_seconds)} spent"),
    ]
    return render_page(
        request,
        "perf_cache",
        tables=[table],
        lead=_describe_offload(offload),
        bar=draw_stack(parts) if offload.ratio is not None else None,
        legend=list(OUTCOMES.items()),
        note=f"{_describe_writes(samples)} {NOTE}",
    )


def _describe_offload(offload: Offload) -> str:
    if offload.ratio is None:
        return "There were no reads since the servers started."
    return (
        f"The cache avoided {format_seconds(offload.avoided_seconds)} of database time; requests "
        f"spent {format_seconds(offload.spent_seconds)}. {format_percent(offload.ratio)} avoided, "
        f"target {format_percent(thresholds.TARGET_OFFLOAD)}."
    )


def _describe_writes(samples: Samples) -> str:
    counts = samples.sums("morpheus_cache_writes_total", "outcome")
    if not counts:
        return "No transaction invalidated tags since the servers started."
    parts = [
        f"{format_number(count)} {WRITES.get(outcome, outcome)}"
        for (outcome,), count in sorted(counts.items())
    ]
    return f"Transactions that invalidated tags: {', '.join(parts)}."
