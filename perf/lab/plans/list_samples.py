"""Choose values for a list's parameters: those of the longest list in the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Count, F, QuerySet

from morpheus.db.transactions import write_transaction
from perf.monitoring.list_indexes import build_required_index
from perf.monitoring.list_routes import Combination

# Parameters that name a related row by something else than its primary key.
_LOOKUPS = {"genre": "genre__slug", "language": "language__code"}


class NoSample(Exception):
    """The data has no row for this combination of ordering and filters."""


@dataclass(frozen=True, slots=True)
class ListSample:
    """Values for one combination.

    Attributes:
        path: For the parameters of the route.
        query: Ordering and filters.
        user: The caller; None is anonymous.
    """

    path: dict[str, Any]
    query: dict[str, str]
    user: Any

    @property
    def user_id(self) -> int | None:
        return None if self.user is None else self.user.pk


def choose_sample(combination: Combination) -> ListSample:
    """Return the values of the longest list: a query each for path, filters and caller.

    Raises:
        NoSample: The data has no such row.
    """
    index = build_required_index(combination)
    rows = Combination(combination.route, combination.ordering).rows
    model = rows.model.objects.filter(**dict(index.literals))
    path: dict[str, Any] = {}
    if combination.route.parameters:
        path = dict.fromkeys(combination.route.parameters, _longest(model, [index.equal[0]])[0])
    fixed = {name: value for name, value in combination.filters.items() if value is not None}
    free = [name for name in combination.filters if name not in fixed]
    columns = [_filter_column(combination, name) for name in free]
    values = _longest(model, [_LOOKUPS.get(column, column) for column in columns]) if free else []
    query = {"ordering": combination.ordering, **fixed}
    query |= {name: str(value) for name, value in zip(free, values, strict=True)}
    user = None
    if combination.is_own:
        owner = [_filter_column(combination, name) for name in fixed] or [index.equal[0]]
        with write_transaction(as_staff=True):  # Users are visible to themselves and to staff.
            user = get_user_model().objects.get(pk=_longest(model, owner)[0])
    return ListSample(path, query, user)


def _filter_column(combination: Combination, name: str) -> str:
    return combination.route.read.filters[name].column


def _longest(rows: QuerySet[Any], columns: list[str]) -> list[Any]:
    """Return the most frequent values of these columns among rows that are public."""
    public = {}
    for column in columns:
        related = rows.model._meta.get_field(column.split("__")[0]).related_model
        if related is not None and any(f.name == "is_public" for f in related._meta.fields):
            public[f"{column}__is_public"] = True
    names = {f"value{at}": F(column) for at, column in enumerate(columns)}
    present = {f"{column}__isnull": False for column in columns}
    longest = (
        rows.filter(**present, **public)
        .order_by()
        .values(**names)
        .annotate(length=Count("pk"))
        .order_by("-length", *names)
        .first()
    )
    if longest is None:
        raise NoSample(f"no row has a value in {', '.join(columns)}")
    return [longest[name] for name in names]
