"""System checks: every list that the API offers has its index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, register
from rest_framework.mixins import ListModelMixin

from morpheus.pagination import equality_conditions
from perf.monitoring.list_indexes import ends_uniquely, serving_index, wanted_index
from perf.monitoring.list_routes import Combination, api_routes, served


@register()
def lists_are_served_by_indexes(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse lists without declared orderings, without a total order, or without an index."""
    errors: list[CheckMessage] = []
    for route in api_routes():
        if route.lists_rows:
            for combination in served(route):
                errors += _of_combination(combination)
        elif issubclass(route.view, ListModelMixin):
            errors.append(
                Error(
                    f"{route.path} lists rows in no declared ordering.",
                    hint=f"Derive {route.view.__name__} from ListView, whose `read` declares them.",
                    id="perf.E001",
                )
            )
    return errors


def _of_combination(combination: Combination) -> list[CheckMessage]:
    for name in combination.filters:
        each = combination.route.read.filters[name]
        if each.narrow and each.column not in equality_conditions(each.narrow(combination.rows, 1)):
            message = f"{combination}: the filter {name} does not compare {each.column}."
            hint = "Let its `narrow` compare the declared column for equality."
            return [Error(message, hint=hint, id="perf.E002")]
    wanted = wanted_index(combination)
    if not ends_uniquely(wanted):
        message = f"{combination}: the ordering does not end in a unique column."
        return [Error(message, hint='End it in "id".', id="perf.E003")]
    if serving_index(wanted) is None:
        hint = f"Add to {wanted.model.__name__}.Meta.indexes: {wanted}"
        return [Error(f"{combination} has no index.", hint=hint, id="perf.E004")]
    return []
