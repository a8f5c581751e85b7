"""System checks: every list that the API offers has its index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, register
from rest_framework.mixins import ListModelMixin

from morpheus.pagination import equality_conditions
from perf.monitoring.list_indexes import build_required_index, ends_uniquely, find_serving_index
from perf.monitoring.list_routes import Combination, list_api_routes, list_combinations_of


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
