"""List filters, offered only in combinations that an index serves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request

Filter = Callable[[QuerySet[Any], str, Request], QuerySet[Any]]


def compares(*columns: str, also: tuple[str, ...] = ()) -> Callable[[Filter], Filter]:
    """Declare which columns a filter compares for equality: checks tell the index behind it so.

    Args:
        columns: Names of fields of the listed model.
        also: Values for which the view lists other rows, such as `me`.
    """

    def declare(function: Filter) -> Filter:
        vars(function).update(columns=columns, also=also)
        return function

    return declare


class ServedFilters(BaseFilterBackend):
    """Apply the view's filters; refuse combinations that no index serves.

    The view has `filters`, a mapping of parameter names to functions of queryset, value and
    request, and may have `filter_pairs`, sets of two names that are served together in the default
    ordering. One filter goes with any ordering.

    Raises:
        ValidationError: A value cannot be, or the combination is not served.
    """

    def filter_queryset(
        self, request: Request, queryset: QuerySet[Any], view: Any
    ) -> QuerySet[Any]:
        filters: dict[str, Filter] = view.filters
        given = {
            name: request.query_params[name] for name in filters if name in request.query_params
        }
        self._refuse_unserved(frozenset(given), request, view)
        for name, value in given.items():
            if "\x00" in value:
                raise ValidationError({name: ["Null characters are not allowed."]})
            queryset = filters[name](queryset, value, request)
        return queryset

    def _refuse_unserved(self, given: frozenset[str], request: Request, view: Any) -> None:
        pairs: tuple[frozenset[str], ...] = getattr(view, "filter_pairs", ())
        default = next(iter(view.orderings))
        in_default_order = request.query_params.get("ordering", default) == default
        if len(given) <= 1 or (given in pairs and in_default_order):
            return
        served = [f"one of {', '.join(view.filters)} with any ordering"]
        served += [f"{' with '.join(sorted(pair))} in the ordering {default}" for pair in pairs]
        raise ValidationError(f"This combination is not served; served are {'; '.join(served)}.")

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Describe each filter by the docstring of its function."""
        return [
            {
                "name": name,
                "required": False,
                "in": "query",
                "description": function.__doc__ or "",
                "schema": {"type": "string"},
            }
            for name, function in view.filters.items()
        ]


def positive_id(name: str, value: str) -> int:
    """Return `value` as a primary key.

    Raises:
        ValidationError: It is not a whole number above 0 that a bigint holds, or is spelled with
            leading zeros.
    """
    if not (value.isascii() and value.isdigit() and len(value) <= 18 and value[0] != "0"):
        raise ValidationError({name: ["Give a whole number."]})
    return int(value)
