"""The cache by policy, and the database time that it avoids."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from perf.monitoring.dashboard import caching, charts, figures, limits
from perf.monitoring.dashboard.caching import OUTCOMES, Offload, PolicyUse
from perf.monitoring.dashboard.listing import Cell, Column, listing, measured, named
from perf.monitoring.dashboard.metrics import samples
from perf.monitoring.dashboard.rendering import page

OUTCOME_TEXTS = {
    "hit": "from the cache",
    "joined": "loaded by another thread at that moment",
    "miss": "loaded from the database",
    "write_intent": "loaded, because a writer was committing",
    "bypass": "read past the cache",
}


def _outcomes(one: PolicyUse) -> Cell:
    parts = [
        (name, one.outcomes.get(name, 0.0), f"{figures.number(one.outcomes.get(name, 0))} {text}")
        for name, text in OUTCOME_TEXTS.items()
    ]
    return Cell("", picture=charts.stack(parts))


COLUMNS = [
    named("policy", "Policy", lambda one: one.policy),
    measured(
        "requests",
        "Asked for",
        lambda one: one.requests,
        figures.number,
        help="Values, not requests: a page of twenty cards asks for twenty.",
    ),
    measured(
        "ratio",
        "Hits",
        lambda one: one.hit_ratio,
        figures.percent,
        help="What cost no database time.",
    ),
    Column("from", "Where from", _outcomes, kind="picture"),
    measured("loads", "Loads", lambda one: one.loads, figures.number),
    measured(
        "cost",
        "Per load",
        lambda one: one.load_ms,
        figures.ms,
        help="What loading one value from the database takes.",
    ),
    Column(
        "saved",
        "Saved",
        lambda one: figures.seconds(one.saved_seconds or None),
        key=lambda one: one.saved_seconds,
        help="Hits × what one load takes.",
    ),
    Column(
        "stale",
        "Stale",
        lambda one: Cell(
            figures.number(one.stale),
            note=f"of {figures.number(one.shadowed)} compared" if one.shadowed else "",
            state="bad" if one.stale else "",
        ),
        key=lambda one: one.stale,
        help="Hits that were computed again and were older than they may be.",
    ),
]


@require_safe
def cache(request: HttpRequest) -> HttpResponse:
    """GET /admin/perf/cache/ — every policy. Budget: 0 statements."""
    found = samples()
    saved = caching.offload(found)
    table = listing(
        request,
        caching.policies(found),
        COLUMNS,
        default="-saved",
        empty="No policy was asked for anything since the servers started.",
    )
    context = {
        "policies": table,
        "sentence": _sentence(saved),
        "bar": _bar(saved),
        "has_offload": saved.ratio is not None,
        "legend": [(name, OUTCOME_TEXTS[name]) for name in OUTCOMES],
        "writes": _writes(caching.writes(found)),
    }
    return page(request, "perf_cache", context)


def _sentence(saved: Offload) -> str:
    if saved.ratio is None:
        return "Nothing was read yet, so there is nothing that the cache could have saved."
    return (
        f"The cache avoided {figures.seconds(saved.saved_seconds)} of database time, and "
        f"{figures.seconds(saved.spent_seconds)} were spent: {figures.percent(saved.ratio)} "
        f"avoided, {figures.percent(limits.WANTED_OFFLOAD)} wanted."
    )


def _bar(saved: Offload) -> SafeString:
    return charts.stack(
        [
            ("hit", saved.saved_seconds, f"{figures.seconds(saved.saved_seconds)} avoided"),
            ("miss", saved.spent_seconds, f"{figures.seconds(saved.spent_seconds)} spent"),
        ]
    )


def _writes(by_outcome: dict[str, float]) -> str:
    if not by_outcome:
        return "No transaction changed a cached value since the servers started."
    said = {"invalidated": "before the answer", "deferred": "by the outbox, a moment later"}
    parts = [
        f"{figures.number(count)} {said.get(outcome, outcome)}"
        for outcome, count in by_outcome.items()
    ]
    return f"Transactions that changed cached values told the cache: {', '.join(parts)}."
