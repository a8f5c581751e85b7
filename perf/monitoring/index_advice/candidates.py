"""From what statements need to the indexes that may serve them, few for many."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.contrib.postgres.indexes import GinIndex
from django.db import connection
from django.db.models import Index, Model, Q

from perf.monitoring.index_advice.naming import index_name
from perf.monitoring.index_advice.needs import Need, models_by_table
from perf.monitoring.index_advice.workload import Asked
from perf.monitoring.list_indexes import WantedIndex, serves

# Beyond these, an index that spares the table is nearly a copy of it.
MAX_INCLUDED = 3
MAX_INCLUDED_CHARS = 40

_FIGURES = re.compile(r"[\d,]+")

# What row level security compares comes first: as in `users.models.shown_index`.
_SHOWN = ("owner", "is_public")


@dataclass
class Candidate:
    """An index that may help, in one or two forms, the first of which is preferred.

    Attributes:
        forms: With what spares looking into the table, and without it.
        is_declared: Whether its model declares it, so that only this database lacks it.
        asked: The statements that it is for.
        reasons: What their plans do without it.
    """

    model: type[Model]
    forms: list[Index]
    is_declared: bool = False
    asked: list[Asked] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    @property
    def table(self) -> str:
        return self.model._meta.db_table


def candidates(wanted: Iterable[tuple[Asked, Need]]) -> list[Candidate]:
    """Return one candidate for all statements that it serves, by table and name."""
    present = index_names()
    groups: dict[Any, tuple[Need, list[tuple[Asked, Need]]]] = {}
    for asked, need in wanted:
        for one in _alternatives(need):
            groups.setdefault(_key(one), (one, []))[1].append((asked, one))
    found: dict[Any, Candidate] = {}
    for need, members in _without_prefixes(list(groups.values())):
        candidate = _candidate(need, [one for _, one in members], present)
        if candidate is None:
            continue
        kept = found.setdefault(candidate.forms[0].name, candidate)
        for asked, one in members:
            kept.asked += [asked] if asked not in kept.asked else []
            kept.reasons += [reason for reason in one.reasons if _is_new(reason, kept.reasons)]
    return sorted(found.values(), key=lambda one: (one.table, one.forms[0].name))


def _is_new(reason: str, known: list[str]) -> bool:
    """Tell whether a reason differs from those that are known in more than its figures."""
    return _FIGURES.sub("", reason) not in {_FIGURES.sub("", one) for one in known}


def missing_declared(present: Collection[str]) -> list[tuple[type[Model], Index]]:
    """Return the indexes that our models declare and this database lacks."""
    return [
        (model, index)
        for model in models_by_table().values()
        for index in model._meta.indexes
        if index.name not in present
    ]


def index_names() -> set[str]:
    """Return the names of all indexes, be they valid or not."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
            "WHERE pg_table_is_visible(c.oid)"
        )
        return {name for (name,) in cursor.fetchall()}


def _alternatives(need: Need) -> list[Need]:
    """Return a need for each GIN index of which one would do, or that of a B-tree as it is."""
    if need.gin:
        return [Need(need.model, (), (), (), (one,), need.reads, need.reasons) for one in need.gin]
    return [need]


def _canonical(ordering: tuple[str, ...]) -> tuple[str, ...]:
    """Return the ordering as an index has it: one is read in both directions."""
    if ordering and ordering[0].startswith("-"):
        return tuple(one.lstrip("-") if one.startswith("-") else f"-{one}" for one in ordering)
    return ordering


def _key(need: Need) -> Any:
    return (
        need.model,
        frozenset(need.equal),
        frozenset(need.literals),
        _canonical(need.ordering),
        need.gin,
    )


Group = tuple[Need, list[tuple[Asked, Need]]]


def _without_prefixes(groups: list[Group]) -> list[Group]:
    """Let an index serve what one of its first columns alone would: same rows, same beginning."""
    kept: list[Group] = []
    # The longest first; those that it begins with follow.
    for need, members in sorted(groups, key=lambda one: -_length(one[0])):
        longer = next((one for one in kept if _begins(one[0], need)), None)
        if longer is None:
            kept.append((need, members))
        else:
            longer[1].extend(members)
    return kept


def _length(need: Need) -> int:
    return len(need.equal) + len(need.ordering)


def _begins(longer: Need, need: Need) -> bool:
    if longer.gin or need.gin or longer.model is not need.model:
        return False
    if frozenset(longer.literals) != frozenset(need.literals):
        return False
    columns = [*longer.equal, *_canonical(longer.ordering)]
    front, rest = columns[: len(need.equal)], columns[len(need.equal) :]
    ordering = list(_canonical(need.ordering))
    return {*front} == {*need.equal} and rest[: len(ordering)] == ordering


def _candidate(need: Need, members: list[Need], present: set[str]) -> Candidate | None:
    declared = next(
        (index for model, index in missing_declared(present) if _is_wanted(model, index, need)),
        None,
    )
    if declared is not None:
        return Candidate(need.model, [declared], is_declared=True)
    forms = [_gin(need)] if need.gin else _b_trees(need, members)
    there = [_shape(index) for index in need.model._meta.indexes]
    forms = [one for one in forms if one is not None and _shape(one) not in there]
    return Candidate(need.model, forms) if forms else None


def _is_wanted(model: type[Model], index: Index, need: Need) -> bool:
    """Tell whether a declared index serves a need."""
    if model is not need.model or index.expressions:
        return False
    if need.gin:
        return isinstance(index, GinIndex) and list(index.fields) == [need.gin[0][0]]
    if type(index) is not Index:
        return False
    columns = [("-" if sign else "") + name for name, sign in index.fields_orders]
    ordering = need.ordering or need.equal[-1:]
    equal = need.equal if need.ordering else need.equal[:-1]
    if not ordering:
        ordering, literals = (need.literals[0][0],), need.literals[1:]
    else:
        literals = need.literals
    return serves(columns, index.condition, WantedIndex(model, equal, literals, ordering))


def _b_trees(need: Need, members: list[Need]) -> list[Index]:
    """Return the index with what the statements read beside its keys, and the one without."""
    literals = dict(need.literals)
    columns = [*need.equal, *_canonical(need.ordering)]
    if not columns:  # Few rows are what the literals say, or it is no help.
        columns = [need.model._meta.pk.name]
    name = index_name(need.model, [*need.equal, *need.ordering[:1]] or [*literals])
    condition = Q(**literals) if literals else None
    plain = Index(fields=columns, name=name, condition=condition)
    keys = {one.lstrip("-") for one in columns}
    included = {one for member in members for one in member.reads} - keys
    if not included or not _may_include(need.model, included):
        return [plain]
    names = [one for one in _SHOWN if one in included]
    names += sorted(included - {*names})
    return [Index(fields=columns, name=name, condition=condition, include=names), plain]


def _may_include(model: type[Model], names: set[str]) -> bool:
    fields = [model._meta.get_field(name) for name in names]
    return len(names) <= MAX_INCLUDED and all(map(_is_narrow, fields))


def _is_narrow(column: Any) -> bool:
    limit = getattr(column, "max_length", None)
    wide = ("TextField", "JSONField", "BinaryField", "SearchVectorField", "ArrayField")
    return column.get_internal_type() not in wide and (limit or 0) <= MAX_INCLUDED_CHARS


def _gin(need: Need) -> Index | None:
    """Return a GIN index without a list of pending entries, which each search would read through.

    None where PostgreSQL has none for the operator, or lacks what brings it.
    """
    ((name, operator),) = need.gin
    options: dict[str, Any] = {}
    if operator in ("~~", "~~*"):
        if not _has_trigrams():
            return None
        options["opclasses"] = ["gin_trgm_ops"]
    index = index_name(need.model, [name])
    return GinIndex(fields=[name], name=index, fastupdate=False, **options)


def _has_trigrams() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm')")
        return bool(cursor.fetchone()[0])


def _shape(index: Index) -> Any:
    """Return what an index is beside its name."""
    path, _, options = index.deconstruct()
    return path, sorted((key, str(value)) for key, value in options.items() if key != "name")
