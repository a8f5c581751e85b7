"""Tables: how large, how many dead rows, when they were last cleared; and the whole database."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from perf.monitoring.dashboard import charts, figures, limits
from perf.monitoring.dashboard.attempts import attempt
from perf.monitoring.dashboard.listing import Cell, Column, listing, measured, named
from perf.monitoring.dashboard.rendering import page
from perf.monitoring.statistics import tables
from perf.monitoring.statistics.tables import DatabaseStats, TableStats


def _columns(largest: int) -> list[Column]:
    """Return the columns; `largest` is what the longest bar stands for, in bytes."""
    return [
        named("table", "Table", lambda one: one.name),
        measured(
            "rows",
            "Rows",
            lambda one: one.rows,
            figures.number,
            help="As the planner estimates them; nothing is counted.",
        ),
        Column(
            "size",
            "Size",
            lambda one: Cell(figures.size(one.size_bytes), picture=_parts(one, largest)),
            key=lambda one: one.size_bytes,
            help="Rows, indexes, and long values that are stored apart.",
        ),
        Column(
            "dead",
            "Dead rows",
            _dead,
            key=lambda one: one.dead_rows,
            help="Old versions of rows that no vacuum has cleared away yet.",
        ),
        Column(
            "hot",
            "HOT updates",
            lambda one: Cell(
                figures.percent(one.hot_updates / one.updates) if one.updates else figures.NOTHING,
                note=f"of {figures.number(one.updates)}" if one.updates else "",
            ),
            key=lambda one: one.hot_updates / one.updates if one.updates else None,
            help="Updates that wrote no index.",
        ),
        Column(
            "scans",
            "Read through",
            lambda one: Cell(
                figures.number(one.sequential_scans),
                note=f"{figures.number(one.index_scans)} by index",
            ),
            key=lambda one: one.sequential_scans,
            help="Scans of the whole table.",
        ),
        measured("vacuum", "Vacuum", lambda one: one.vacuumed_at, figures.ago),
        measured("analyze", "Analyze", lambda one: one.analyzed_at, figures.ago),
    ]


def _parts(one: TableStats, largest: int) -> SafeString:
    parts = [
        ("heap", float(one.heap_bytes), f"{figures.size(one.heap_bytes)} rows"),
        ("index", float(one.index_bytes), f"{figures.size(one.index_bytes)} indexes"),
        ("apart", float(one.apart_bytes), f"{figures.size(one.apart_bytes)} stored apart"),
    ]
    return charts.stack(parts, of=largest)


def _dead(one: TableStats) -> Cell:
    is_bad = one.dead_rows >= limits.DEAD_ROWS and one.dead_ratio > limits.DEAD_RATIO
    return Cell(
        figures.number(one.dead_rows),
        note=figures.percent(one.dead_ratio) if one.dead_rows else "",
        state="bad" if is_bad else "",
    )


@require_safe
def tables_page(request: HttpRequest) -> HttpResponse:
    """GET /admin/perf/tables/ — every table. Budget: 2 statements."""
    found = attempt(tables.tables)
    largest = max((one.size_bytes for one in found.value or []), default=0)
    table = listing(
        request,
        found.value or [],
        _columns(largest),
        default="-size",
        empty=found.problem or "There is no table.",
    )
    whole = attempt(tables.database)
    context = {
        "tables": table,
        "problem": whole.problem,
        "facts": _facts(whole.value) if whole.value else [],
        "legend": [("heap", "rows"), ("index", "indexes"), ("apart", "long values, stored apart")],
    }
    return page(request, "perf_tables", context)


def _facts(whole: DatabaseStats) -> list[tuple[str, str, str]]:
    age = whole.transaction_age / limits.TRANSACTION_AGE
    return [
        ("Size", figures.size(whole.size_bytes), f"PostgreSQL {whole.version}"),
        (
            "In memory",
            figures.percent(whole.hit_ratio),
            f"of pages, {figures.percent(limits.WANTED_HIT_RATIO)} wanted",
        ),
        ("Transaction age", figures.percent(age), f"of {figures.number(limits.TRANSACTION_AGE)}"),
        ("Deadlocks", figures.number(whole.deadlocks), _since(whole)),
        ("Spilt to disk", figures.size(whole.temporary_bytes), "sorts beyond work_mem"),
    ]


def _since(whole: DatabaseStats) -> str:
    return f"in the last {figures.age(whole.since)}" if whole.since else "since it was made"
