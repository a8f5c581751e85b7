"""The tables page: sizes, dead rows, vacuum, and figures of the whole database."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from perf.monitoring.dashboard import thresholds
from perf.monitoring.dashboard.charts import draw_stack
from perf.monitoring.dashboard.formatting import (
    format_age,
    format_ago,
    format_bytes,
    format_number,
    format_percent,
)
from perf.monitoring.dashboard.page import Fact, attempt, render_page
from perf.monitoring.dashboard.tables import Column, build_table, number_column, text_column
from perf.monitoring.statistics import tables

LEGEND = [("heap", "rows"), ("index", "indexes"), ("toast", "long values (TOAST)")]
NOTE = "Rows and dead rows are PostgreSQL's estimates: this page reads no table."


def _columns(largest: int) -> list[Column]:
    """Return the columns; the longest bar stands for `largest` bytes."""

    def draw_parts(row: Any) -> SafeString:
        sizes = zip(LEGEND, (row.heap_bytes, row.index_bytes, row.toast_bytes), strict=True)
        parts = [
            (name, float(size), f"{format_bytes(size)} {text}") for (name, text), size in sizes
        ]
        return draw_stack(parts, whole=largest)

    return [
        text_column("name", "Table"),
        number_column("rows", "Rows", help="The planner's estimate."),
        number_column("size_bytes", "Size", format_bytes, picture=draw_parts),
        number_column(
            "dead_rows",
            "Dead rows",
            note=lambda row: format_percent(row.dead_ratio) if row.dead_rows else "",
            is_bad=_has_too_many_dead_rows,
            help="Row versions that vacuum has not removed yet.",
        ),
        number_column(
            "hot_ratio",
            "HOT updates",
            format_percent,
            note=lambda row: f"of {format_number(row.updates)}" if row.updates else "",
            help="Updates that wrote no index.",
        ),
        number_column(
            "sequential_scans",
            "Sequential scans",
            note=lambda row: f"{format_number(row.index_scans)} index scans",
        ),
        number_column("vacuumed_at", "Vacuum", format_ago),
        number_column("analyzed_at", "Analyze", format_ago),
    ]


def _has_too_many_dead_rows(row: Any) -> bool:
    is_large: bool = row.dead_rows >= thresholds.MIN_DEAD_ROWS
    return is_large and row.dead_ratio > thresholds.MAX_DEAD_RATIO


@require_safe
def show_tables(request: HttpRequest) -> HttpResponse:
    """GET /admin/perf/tables/"""
    rows = attempt(tables.tables)
    largest = max((row.size_bytes for row in rows.value or []), default=0)
    table = build_table(
        request,
        rows,
        _columns(largest),
        default="-size_bytes",
        empty="There is no table.",
    )
    database = attempt(tables.database)
    return render_page(
        request,
        "perf_tables",
        tables=[table],
        lead=database.problem,
        facts=_facts(database.value) if database.value else [],
        legend=LEGEND,
        note=NOTE,
    )


def _facts(database: Any) -> list[Fact]:
    age = database.transaction_age / thresholds.MAX_TRANSACTION_AGE
    since = f"in the last {format_age(database.since)}" if database.since else "since its creation"
    target = format_percent(thresholds.TARGET_BUFFER_HITS)
    return [
        ("Size", format_bytes(database.size_bytes), f"PostgreSQL {database.version}"),
        ("Buffer hits", format_percent(database.hit_ratio), f"of page reads, target {target}"),
        (
            "Transaction age",
            format_percent(age),
            f"of {format_number(thresholds.MAX_TRANSACTION_AGE)}",
        ),
        ("Deadlocks", format_number(database.deadlocks), since),
        ("Temporary files", format_bytes(database.temporary_bytes), "sorts beyond work_mem"),
    ]
