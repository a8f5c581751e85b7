"""Whose list is looked at, under which filter: the longest ones that the data has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Count, F, QuerySet

from morpheus.db.transactions import write_transaction
from perf.monitoring.list_indexes import unfiltered, wanted_index
from perf.monitoring.list_routes import Combination

# What a parameter says where that is not the column's own value.
NAMED_BY = {"genre": "genre__slug", "language": "language__code"}


class NoSample(Exception):
    """The data has no row for this combination."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Values for one combination.

    Attributes:
        path: For the parameters of the route.
        query: For the filters.
        user: Who asks; None is nobody.
    """

    path: dict[str, Any]
    query: dict[str, str]
    user: Any


def sample(combination: Combination) -> Sample:
    """Return values for which the list is as long as the data allow: a query for each of three.

    Raises:
        NoSample: There is no row.
    """
    rows = unfiltered(Combination(combination.route, combination.ordering))
    model = rows.model.objects.filter(
        **{name: value for name, value in wanted_index(combination).literals}
    )
    path: dict[str, Any] = {}
    if combination.route.parameters:
        column = wanted_index(combination).equal[0]
        path = dict.fromkeys(combination.route.parameters, _longest(model, [column])[0])
    given = {name: value for name, value in combination.filters.items() if value is not None}
    missing = [name for name in combination.filters if name not in given]
    values = _longest(model, [_said(combination, name) for name in missing]) if missing else []
    query = {"ordering": combination.ordering, **given}
    query |= {name: str(value) for name, value in zip(missing, values, strict=True)}
    user = None
    if given:
        columns = [combination.route.view.filters[name].columns[0] for name in given]
        with write_transaction(as_staff=True):  # Users are shown to themselves and to staff alone.
            user = get_user_model().objects.get(pk=_longest(model, columns)[0])
    return Sample(path, query, user)


def _said(combination: Combination, name: str) -> str:
    column: str = combination.route.view.filters[name].columns[0]
    return NAMED_BY.get(column, column)


def _longest(rows: QuerySet[Any], columns: list[str]) -> list[Any]:
    """Return the values that most rows have in these columns, of rows that everyone may see."""
    public = {}
    for column in columns:
        related = rows.model._meta.get_field(column.split("__")[0]).related_model
        if related is not None and any(f.name == "is_public" for f in related._meta.fields):
            public[f"{column}__is_public"] = True
    names = {f"value{at}": F(column) for at, column in enumerate(columns)}
    given = {f"{column}__isnull": False for column in columns}
    found = (
        rows.filter(**given, **public)
        .order_by()
        .values(**names)
        .annotate(length=Count("pk"))
        .order_by("-length", *names)
        .first()
    )
    if found is None:
        raise NoSample(f"no row has a value in {', '.join(columns)}")
    return [found[name] for name in names]
