"""Indexes that cost and give nothing, and foreign keys that lack one."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Index, Model
from django.utils import timezone

from perf.lab.plans.capture import Statement
from perf.lab.plans.judgement import SMALL_TABLE_ROWS
from perf.monitoring.index_advice.candidates import Candidate, index_names, missing_declared
from perf.monitoring.index_advice.migrations import Migration, Written, removing
from perf.monitoring.index_advice.naming import index_name
from perf.monitoring.index_advice.needs import models_by_table
from perf.monitoring.index_advice.parameters import UnknownParameter, commonest
from perf.monitoring.index_advice.workload import Asked
from perf.monitoring.statistics.indexes import (
    IndexSize,
    UnindexedForeignKey,
    duplicates,
    sizes,
    statistics_since,
    unindexed_foreign_keys,
    unused,
)

# Reports and jobs may come once a month; what nobody used for shorter may be used tomorrow.
OLD_ENOUGH = timedelta(days=30)

# What Django calls the indexes that fields ask for.
_OF_A_FIELD = re.compile(r"_[0-9a-f]{8}(_like|_uniq)?$")


@dataclass(frozen=True, slots=True)
class Superfluous:
    """An index to drop.

    Attributes:
        migration: None where something else than `Meta.indexes` makes it.
    """

    table: str
    index: str
    size_bytes: int
    why: str
    migration: Migration | None


@dataclass(frozen=True, slots=True)
class Collected:
    """How long uses have been counted; None since nobody knows."""

    since: datetime | None

    @property
    def is_long(self) -> bool:
        return self.since is not None and timezone.now() - self.since >= OLD_ENOUGH

    def __str__(self) -> str:
        if self.since is None:
            return "since nobody knows when"
        age = timezone.now() - self.since
        unit = f"{age.days} days" if age.days else f"{age.seconds // 60} minutes"
        return f"since {self.since:%Y-%m-%d %H:%M} UTC, {unit}"


def collected() -> Collected:
    """Return since when the server counts uses."""
    return Collected(statistics_since())


def doubles(written: Written) -> list[Superfluous]:
    """Return the indexes that another one can stand for; those of foreign keys, too."""
    return [
        _superfluous(
            one.table,
            one.index,
            one.definition,
            one.size_bytes,
            f"{one.covered_by} has the same columns."
            if one.is_same
            else f"{one.covered_by} begins with its columns and can stand for it.",
            written,
        )
        for one in duplicates()
    ]


def useless(written: Written) -> list[Superfluous]:
    """Return the indexes that nothing used, here or on a replica, the largest first."""
    why = f"No statement used it {collected()}."
    return [
        _superfluous(one.table, one.index, one.definition, one.size_bytes, why, written)
        for one in unused()
        if one.is_valid
    ]


def broken() -> list[IndexSize]:
    """Return the indexes that an interrupted concurrent build left: they cost, and serve nobody."""
    return [one for one in sizes() if not one.is_valid]


def of_foreign_keys() -> list[Candidate]:
    """Return indexes for foreign keys whose parents are deleted, or take these rows along.

    One that a model declares is wanted in any case.
    """
    found = []
    absent = missing_declared(index_names())
    for key in unindexed_foreign_keys():
        model = models_by_table().get(key.table)
        if model is None:
            continue
        declared = _declared(key, model, absent)
        if declared is not None or _is_followed(key):
            found.append(_candidate(key, model, declared))
    return found


def idle_foreign_keys() -> list[UnindexedForeignKey]:
    """Return foreign keys without an index which nothing suffers from so far."""
    return [one for one in unindexed_foreign_keys() if not _is_followed(one)]


def _is_followed(key: UnindexedForeignKey) -> bool:
    return key.parent_deletes > 0 or key.on_delete in ("CASCADE", "SET NULL", "SET DEFAULT")


def _declared(
    key: UnindexedForeignKey, model: type[Model], absent: list[tuple[type[Model], Index]]
) -> Index | None:
    """Return the smallest of the absent indexes that would serve the key."""
    name = _field(key, model).name
    serving = [
        index
        for owner, index in absent
        if owner is model and index.fields[:1] == [name] and not index.condition
    ]
    return min(serving, key=lambda index: len(index.fields), default=None)


def _candidate(key: UnindexedForeignKey, model: type[Model], declared: Index | None) -> Candidate:
    field = _field(key, model)
    index = declared or Index(fields=[field.name], name=index_name(model, [field.name, "fk"]))
    reason = (
        f"each DELETE in {key.references} reads all of {key.table} for {key.constraint} "
        f"(ON DELETE {key.on_delete})"
    )
    asked = []
    if key.rows > SMALL_TABLE_ROWS:
        # As PostgreSQL itself asks when a row is deleted.
        sql = f'SELECT 1 FROM ONLY "{key.table}" x WHERE "{field.column}" = %s'  # noqa: S608
        with suppress(UnknownParameter):
            statement = Statement(sql, (commonest(field),))
            asked.append(Asked(f"DELETE in {key.references}", statement, None, is_own=True))
    return Candidate(model, [index], declared is not None, asked, [reason])


def _field(key: UnindexedForeignKey, model: type[Model]) -> Any:
    return next(one for one in model._meta.concrete_fields if one.column == key.columns[0])


def _superfluous(
    table: str, index: str, definition: str, size_bytes: int, why: str, written: Written
) -> Superfluous:
    model = models_by_table().get(table)
    made = None
    if model is None:
        why += " The table is not ours: its package's migrations make the index."
    elif _OF_A_FIELD.search(index):
        why += " A field of its model makes it, and it goes with that (`db_index`, `unique`)."
    else:
        made = removing(model, index, definition, why, written)
    return Superfluous(table, index, size_bytes, why, made)
