"""The indexes page: missing, duplicate and unused indexes, and sequential scans."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from operator import attrgetter
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from perf.monitoring.dashboard import thresholds
from perf.monitoring.dashboard.formatting import (
    format_age,
    format_ago,
    format_bytes,
    format_number,
)
from perf.monitoring.dashboard.page import attempt, render_page
from perf.monitoring.dashboard.tables import Column, Table, build_table, number_column, text_column
from perf.monitoring.statistics import indexes


def _definition(row: Any) -> str:
    definition: str = row.definition
    return definition.removeprefix("CREATE ").replace(" public.", " ")


def _estimate(rows: int) -> str:
    return format_number(rows) if rows >= 0 else "not analyzed"


_INDEX = text_column("index", "Index", note=attrgetter("table"))
_SIZE = number_column("size_bytes", "Size", format_bytes)
_DEFINITION = Column("definition", "Definition", _definition, kind="code")

FOREIGN_KEYS = [
    text_column("table", "Table", note=lambda row: ", ".join(row.columns)),
    text_column("references", "References", note=lambda row: f"ON DELETE {row.on_delete}"),
    number_column("rows", "Rows", _estimate, help="Estimated rows that each deletion scans."),
    number_column("size_bytes", "Size", format_bytes),
]
SEQUENTIAL = [
    text_column("table", "Table"),
    number_column("scans", "Sequential scans"),
    number_column("rows_read", "Rows read"),
    number_column("index_scans", "Index scans"),
    number_column("rows", "Rows"),
]
DUPLICATES = [
    _INDEX,
    text_column(
        "covered_by",
        "Covered by",
        note=lambda row: "same columns" if row.is_same else "has more columns",
    ),
    _SIZE,
]
UNUSED = [_INDEX, _DEFINITION, _SIZE]
ALL = [
    _INDEX,
    _DEFINITION,
    number_column(
        "scans",
        "Scans",
        note=lambda row: format_ago(row.last_used) if row.last_used else "",
        help="Scans on this server since the statistics were reset.",
    ),
    _SIZE,
]


@require_safe
def show_indexes(request: HttpRequest) -> HttpResponse:
    """GET /admin/perf/indexes/"""
    since = attempt(_describe_statistics)
    tables = list(_tables(request))
    return render_page(request, "perf_indexes", tables=tables, lead=since.value or since.problem)


def _tables(request: HttpRequest) -> Iterator[Table]:
    build = partial(build_table, request)
    every = attempt(indexes.list_indexes)
    sizes = every.value
    yield build(
        attempt(indexes.unindexed_foreign_keys),
        FOREIGN_KEYS,
        default="-size_bytes",
        empty="Every foreign key has an index.",
        caption="Foreign keys without an index",
        parameter="missing",
    )
    yield build(
        attempt(indexes.sequential_scans),
        SEQUENTIAL,
        default="-rows_read",
        empty="No large table was scanned sequentially.",
        caption="Sequential scans of large tables",
        parameter="sequential",
    )
    yield build(
        attempt(indexes.duplicate_indexes),
        DUPLICATES,
        default="-size_bytes",
        empty="No index covers another one.",
        caption="Duplicate indexes",
        parameter="duplicate",
    )
    yield build(
        every if sizes is None else attempt(lambda: indexes.unused_indexes(sizes)),
        UNUSED,
        default="-size_bytes",
        empty="Every index was used, enforces a constraint or serves a foreign key.",
        caption="Unused indexes",
        parameter="unused",
    )
    empty = "There is no index."
    yield build(every, ALL, default="-size_bytes", empty=empty, caption="All indexes")


def _describe_statistics() -> str:
    since = indexes.statistics_since()
    if since is None:
        return "Scans have been counted since the database was created."
    sentence = f"Scans have been counted for {format_age(since)}."
    if (timezone.now() - since).days < thresholds.MIN_UNUSED_DAYS:
        days = thresholds.MIN_UNUSED_DAYS
        return f"{sentence} Wait for {days} days before you drop an unused index."
    return sentence
