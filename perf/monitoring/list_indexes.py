"""Which index a list needs, and whether its model declares it; nothing here reads a database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Index, Model, Q, UniqueConstraint

from morpheus.pagination import equality_conditions
from perf.monitoring.list_routes import Combination

# Django's limit for the name of an index.
MAX_NAME_CHARS = 30


@dataclass(frozen=True, slots=True)
class WantedIndex:
    """What an index must have, to serve a list without sorting and without passing rows by.

    Attributes:
        equal: Columns compared for equality with a value; they come first, in any order.
        literals: Boolean columns and the value that they must have: the index's condition, or
            further columns at its front.
        ordering: Columns of the ordering, with their signs; all may be reversed.
    """

    model: type[Model]
    equal: tuple[str, ...]
    literals: tuple[tuple[str, bool], ...]
    ordering: tuple[str, ...]

    def __str__(self) -> str:
        """Return the line to add to the model's `Meta.indexes`."""
        descending = all(column.startswith("-") for column in self.ordering)
        ordering = [column.lstrip("-") if descending else column for column in self.ordering]
        fields = ", ".join(f'"{column}"' for column in [*self.equal, *ordering])
        words = [self.model._meta.db_table, *self.equal, ordering[0].lstrip("-")]
        name = "_".join(words)[: MAX_NAME_CHARS - 4] + "_idx"
        conditions = ", ".join(f"{column}={value}" for column, value in self.literals)
        condition = f", condition=Q({conditions})" if conditions else ""
        return f'models.Index(fields=[{fields}], name="{name}"{condition})'


def wanted_index(combination: Combination) -> WantedIndex:
    """Return the index that serves the combination, from the declaration of the list."""
    queryset = combination.rows
    equal, literals = _conditions(queryset)
    # Rows of the caller's own compare the owner, as their filter does.
    equal = tuple(dict.fromkeys([*equal, *combination.filter_columns]))
    model = queryset.model
    ordering = tuple(
        ("-" if column.startswith("-") else "") + _column(model, column.lstrip("-"))
        for column in combination.columns
    )
    return WantedIndex(
        model, tuple(_column(model, name) for name in equal), tuple(literals.items()), ordering
    )


def serving_index(wanted: WantedIndex) -> str | None:
    """Return the name of a declared index or constraint that is what is wanted."""
    for name, columns, condition in _declared(wanted.model):
        if serves(columns, condition, wanted):
            return name
    return None


def ends_uniquely(wanted: WantedIndex) -> bool:
    """Tell whether no two rows of the list are equal in all columns of its ordering."""
    last = wanted.model._meta.get_field(wanted.ordering[-1].lstrip("-"))
    if getattr(last, "unique", False):
        return True
    known = {*wanted.equal, *(column.lstrip("-") for column in wanted.ordering)}
    return any(
        isinstance(rule, UniqueConstraint) and not rule.condition and known.issuperset(rule.fields)
        for rule in wanted.model._meta.constraints
    )


def _conditions(queryset: Any) -> tuple[tuple[str, ...], dict[str, bool]]:
    """Return the columns that the queryset compares with values, and with literal booleans."""
    conditions = equality_conditions(queryset)
    literals = {name: value for name, value in conditions.items() if isinstance(value, bool)}
    return tuple(name for name in conditions if name not in literals), literals


def _declared(model: type[Model]) -> list[tuple[str, list[str], Q | None]]:
    """Return name, columns with their signs, and condition of what the model's `Meta` declares."""
    meta = model._meta
    found: list[tuple[str, list[str], Q | None]] = [("primary key", [meta.pk.name], None)]
    for index in meta.indexes:
        if type(index) is Index and not index.expressions:
            columns = [("-" if sign else "") + name for name, sign in index.fields_orders]
            found.append((index.name, columns, index.condition))
    found += [
        (rule.name, list(rule.fields), rule.condition)
        for rule in meta.constraints
        if isinstance(rule, UniqueConstraint) and not rule.expressions
    ]
    return found


def serves(columns: list[str], condition: Q | None, wanted: WantedIndex) -> bool:
    """Tell whether an index of these columns, under this condition, is what is wanted."""
    promised = _pairs(condition)
    literals = dict(wanted.literals)
    if promised is None or not promised.items() <= literals.items():
        return False
    front = {*wanted.equal, *(literals.keys() - promised.keys())}
    rest = [*columns]
    while rest and rest[0].lstrip("-") in front:
        front.remove(rest.pop(0).lstrip("-"))
    if front:
        return False
    pairs = list(zip(rest, wanted.ordering, strict=False))
    same = [mine.startswith("-") == theirs.startswith("-") for mine, theirs in pairs]
    return (
        len(pairs) == len(wanted.ordering)
        and all(mine.lstrip("-") == theirs.lstrip("-") for mine, theirs in pairs)
        and len(set(same)) == 1
    )


def _pairs(condition: Q | None) -> dict[str, Any] | None:
    """Return a condition as names and values; None for one that is more than that."""
    if condition is None:
        return {}
    plain = condition.connector == Q.AND and not condition.negated
    if not plain or not all(isinstance(child, tuple) for child in condition.children):
        return None
    return dict(condition.children)  # type: ignore[arg-type] # pairs, as was just seen


def _column(model: type[Model], name: str) -> str:
    return model._meta.pk.name if name == "pk" else model._meta.get_field(name).name
