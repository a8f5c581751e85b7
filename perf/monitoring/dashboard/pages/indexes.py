"""Indexes: what is missing, what is too many, what is bloated, and all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connections
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from perf.monitoring.dashboard import charts, figures, limits
from perf.monitoring.dashboard.attempts import Attempt, attempt
from perf.monitoring.dashboard.listing import Cell, Column, Listing, listing, measured
from perf.monitoring.dashboard.rendering import page
from perf.monitoring.statistics import indexes
from perf.monitoring.statistics.indexes import (
    DuplicateIndex,
    IndexBloat,
    IndexSize,
    UnindexedForeignKey,
)
from perf.monitoring.statistics.reading import StatsUnavailable, limited

_INDEX = Column(
    "index",
    "Index",
    lambda one: Cell(one.index, note=one.table),
    key=lambda one: one.index,
    kind="text",
    descends=False,
)
_SIZE = measured("size", "Size", lambda one: one.size_bytes, figures.size)


def _definition(one: IndexSize | DuplicateIndex) -> str:
    return one.definition.removeprefix("CREATE ").replace(" public.", " ")


def _used(one: IndexSize) -> Cell:
    when = figures.ago(one.last_used) if one.last_used else ""
    return Cell(figures.number(one.scans), note=when)


MISSING = [
    Column(
        "table",
        "Table",
        lambda one: Cell(one.table, note=", ".join(one.columns)),
        key=lambda one: one.table,
        kind="text",
        descends=False,
    ),
    Column(
        "references",
        "Refers to",
        lambda one: Cell(one.references, note=f"on delete {one.on_delete.lower()}"),
        key=lambda one: one.references,
        kind="text",
        descends=False,
    ),
    Column(
        "rows",
        "Rows",
        lambda one: figures.number(one.rows) if one.rows >= 0 else "not analyzed",
        key=lambda one: one.rows,
        help="What each deletion there reads, as the planner estimates it.",
    ),
    measured("size", "Size", lambda one: one.table_bytes, figures.size),
]
DUPLICATES = [
    _INDEX,
    Column(
        "by",
        "Stands for it",
        lambda one: Cell(one.covered_by, note="the same" if one.is_same else "has more columns"),
        key=lambda one: one.covered_by,
        kind="text",
        descends=False,
    ),
    _SIZE,
]
UNUSED = [_INDEX, Column("definition", "Definition", _definition, kind="code"), _SIZE]
BLOATED = [
    _INDEX,
    _SIZE,
    Column(
        "bloat",
        "Bloat",
        lambda one: Cell(
            figures.percent(one.ratio),
            note=figures.size(one.bloat_bytes),
            picture=charts.share(one.ratio, "bad" if _is_bloated(one) else "plain"),
        ),
        key=lambda one: one.bloat_bytes,
        help="What a new index of the same entries would not have; an estimate.",
    ),
]
ALL = [
    _INDEX,
    Column("definition", "Definition", _definition, kind="code"),
    Column(
        "scans",
        "Used",
        _used,
        key=lambda one: one.scans,
        help="Scans on this server since the statistics began.",
    ),
    _SIZE,
]


def _is_bloated(one: IndexBloat) -> bool:
    return one.ratio > limits.BLOAT_RATIO and one.bloat_bytes > limits.BLOAT_BYTES


def _missing() -> list[UnindexedForeignKey]:
    with limited():
        return indexes.unindexed_foreign_keys()


def _duplicates() -> list[DuplicateIndex]:
    with limited():
        return indexes.duplicates()


def _bloated() -> list[IndexBloat]:
    with limited():
        return indexes.bloat()


def _all() -> list[IndexSize]:
    with limited():
        return indexes.sizes()


def _since() -> str:
    with limited():
        since = indexes.statistics_since()
    if since is None:
        return "since the database was made"
    is_young = (timezone.now() - since).days < limits.UNUSED_DAYS
    soon = f", which says little: wait for {limits.UNUSED_DAYS} days" if is_young else ""
    return f"for {figures.age(since)}{soon}"


def _used_elsewhere() -> set[str]:
    """Return the indexes that replicas use, each of which counts for itself."""
    try:
        servers = [indexes.sizes(alias) for alias in connections if alias != DEFAULT_DB_ALIAS]
    except (DatabaseError, InterfaceError) as error:
        raise StatsUnavailable(
            "The replica does not answer, so what it uses is not known."
        ) from error
    return {one.index for server in servers for one in server if one.scans}


def _unused(here: Attempt[list[IndexSize]]) -> list[IndexSize]:
    """Return what nobody uses and nothing else needs. Raises StatsUnavailable."""
    if here.value is None:
        raise StatsUnavailable(here.problem)
    elsewhere = _used_elsewhere()
    return [
        one
        for one in here.value
        if not one.scans and not one.is_needed and one.index not in elsewhere
    ]


@dataclass(frozen=True)
class Finding:
    """A table of the page.

    Attributes:
        parameter: What the address calls its order.
        empty: What stands there without rows.
    """

    parameter: str
    caption: str
    found: Attempt[Any]
    columns: list[Column]
    default: str
    empty: str

    def listing(self, request: HttpRequest) -> Listing:
        return listing(
            request,
            self.found.value or [],
            self.columns,
            default=self.default,
            empty=self.found.problem or self.empty,
            caption=self.caption,
            parameter=self.parameter,
        )


def _findings() -> Iterator[Finding]:
    here = attempt(_all)
    yield Finding(
        *("missing", "Foreign keys without an index", attempt(_missing), MISSING, "-size"),
        empty="Every foreign key has an index.",
    )
    yield Finding(
        *("duplicate", "Duplicates", attempt(_duplicates), DUPLICATES, "-size"),
        empty="No index does what another one does.",
    )
    yield Finding(
        *("unused", "Unused", attempt(lambda: _unused(here)), UNUSED, "-size"),
        empty="Every index was used, or keeps a promise.",
    )
    yield Finding(
        *("bloat", "Bloat, of indexes from 1 MB on", attempt(_bloated), BLOATED, "-bloat"),
        empty="No index is that large.",
    )
    yield Finding(*("sort", "All indexes", here, ALL, "-size"), empty="There is no index.")


@require_safe
def indexes_page(request: HttpRequest) -> HttpResponse:
    """GET /admin/perf/indexes/ — findings, then all. Budget: 6 statements, one more per replica."""
    since = attempt(_since)
    tables = [finding.listing(request) for finding in _findings()]
    sentence = f"Their use has been counted {since.value}." if since.value else since.problem
    return page(request, "perf_indexes", {"findings": tables, "sentence": sentence})
