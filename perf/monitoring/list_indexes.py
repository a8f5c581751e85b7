"""The index that a list needs, and the system check that its model declares it.

Reads no database.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, register
from django.db.models import Index, Model, Q, UniqueConstraint
from rest_framework.mixins import ListModelMixin

from morpheus.pagination import equality_conditions
from perf.monitoring.list_routes import Combination, list_api_routes, list_combinations_of


@dataclass(frozen=True, slots=True)
class RequiredIndex:
    """An index that serves a list without a sort and without filtering out rows.

    Attributes:
        equal: Columns compared for equality; they come first, in any order.
        literals: Boolean columns with their literal values: the index's condition, or further
            columns at its front.
        ordering: Columns of the ordering with their signs; all may be reversed.
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
        name = "_".join(words)[: Index.max_name_length - 4] + "_idx"
        conditions = ", ".join(f"{column}={value}" for column, value in self.literals)
        condition = f", condition=Q({conditions})" if conditions else ""
        return f'models.Index(fields=[{fields}], name="{name}"{condition})'


def build_required_index(combination: Combination) -> RequiredIndex:
    """Return the index that serves the combination, from the declaration of the list."""
    model = combination.rows.model
    conditions = equality_conditions(combination.rows)
    literals = {name: value for name, value in conditions.items() if isinstance(value, bool)}
    # Rows of the caller's own compare the owner, as their filter does.
    equal = dict.fromkeys([*conditions, *combination.filter_columns])
    ordering = (
        ("-" if column.startswith("-") else "") + _column(model, column.lstrip("-"))
        for column in combination.columns
    )
    return RequiredIndex(
        model,
        tuple(_column(model, name) for name in equal if name not in literals),
        tuple(literals.items()),
        tuple(ordering),
    )


def find_serving_index(required: RequiredIndex) -> str | None:
    """Return the name of a declared index or constraint that serves the list."""
    for name, columns, condition in _list_declared(required.model):
        if _serves(columns, condition, required):
            return name
    return None


def ends_uniquely(required: RequiredIndex) -> bool:
    """Return whether the ordering identifies each row of the list."""
    last = required.model._meta.get_field(required.ordering[-1].lstrip("-"))
    if getattr(last, "unique", False):
        return True
    known = {*required.equal, *(column.lstrip("-") for column in required.ordering)}
    return any(
        isinstance(constraint, UniqueConstraint)
        and not constraint.condition
        and known.issuperset(constraint.fields)
        for constraint in required.model._meta.constraints
    )


def _list_declared(model: type[Model]) -> list[tuple[str, list[str], Q | None]]:
    """Return the indexes of a model's `Meta`: name, columns with signs, condition."""
    meta = model._meta
    declared: list[tuple[str, list[str], Q | None]] = [("primary key", [meta.pk.name], None)]
    for index in meta.indexes:
        if type(index) is Index and not index.expressions:
            columns = [("-" if sign else "") + name for name, sign in index.fields_orders]
            declared.append((index.name, columns, index.condition))
    declared += [
        (constraint.name, list(constraint.fields), constraint.condition)
        for constraint in meta.constraints
        if isinstance(constraint, UniqueConstraint) and not constraint.expressions
    ]
    return declared


def _serves(columns: list[str], condition: Q | None, required: RequiredIndex) -> bool:
    """Tell whether an index of these columns, under this condition, serves the list."""
    conditions = _pairs(condition)
    literals = dict(required.literals)
    if conditions is None or not conditions.items() <= literals.items():
        return False
    front = {*required.equal, *(literals.keys() - conditions.keys())}
    rest = [*columns]
    while rest and rest[0].lstrip("-") in front:
        front.remove(rest.pop(0).lstrip("-"))
    if front:
        return False
    pairs = list(zip(rest, required.ordering, strict=False))
    same = [column.startswith("-") == wanted.startswith("-") for column, wanted in pairs]
    return (
        len(pairs) == len(required.ordering)
        and all(column.lstrip("-") == wanted.lstrip("-") for column, wanted in pairs)
        and len(set(same)) == 1
    )


def _pairs(condition: Q | None) -> dict[str, Any] | None:
    """Return a conjunction of equalities as a dict; None for any other condition."""
    if condition is None:
        return {}
    plain = condition.connector == Q.AND and not condition.negated
    if not plain or not all(isinstance(child, tuple) for child in condition.children):
        return None
    return dict(condition.children)  # type: ignore[arg-type] # checked above


def _column(model: type[Model], name: str) -> str:
    return model._meta.pk.name if name == "pk" else model._meta.get_field(name).name


@register()
def lists_are_served_by_indexes(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse lists without declared orderings, without a total order, or without an index."""
    errors: list[CheckMessage] = []
    for route in list_api_routes():
        if route.lists_rows:
            for combination in list_combinations_of(route):
                errors += _check_combination(combination)
        elif issubclass(route.view, ListModelMixin):
            errors.append(
                Error(
                    f"{route.path} lists rows in no declared ordering.",
                    hint=f"Derive {route.view.__name__} from ListView, whose `read` declares them.",
                    id="perf.E001",
                )
            )
    return errors


def _check_combination(combination: Combination) -> list[CheckMessage]:
    for name in combination.filters:
        filter_ = combination.route.read.filters[name]
        if filter_.narrow and filter_.column not in equality_conditions(
            filter_.narrow(combination.rows, 1)
        ):
            message = f"{combination}: the filter {name} does not compare {filter_.column}."
            hint = "Let its `narrow` compare the declared column for equality."
            return [Error(message, hint=hint, id="perf.E002")]
    required = build_required_index(combination)
    if not ends_uniquely(required):
        message = f"{combination}: the ordering does not end in a unique column."
        return [Error(message, hint='End it in "id".', id="perf.E003")]
    if find_serving_index(required) is None:
        hint = f"Add to {required.model.__name__}.Meta.indexes: {required}"
        return [Error(f"{combination} has no index.", hint=hint, id="perf.E004")]
    return []
