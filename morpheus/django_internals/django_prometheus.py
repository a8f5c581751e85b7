"""Private parts of django-prometheus: where it counts statements and connections."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from django.db.backends.postgresql.base import DatabaseWrapper
from django_prometheus.db import (
    errors_total,
    execute_many_total,
    execute_total,
    query_duration_seconds,
)
from django_prometheus.db.common import DatabaseWrapperMixin

from morpheus.django_internals.prometheus_client import observe_many

_VENDOR = "postgresql"
_get_child = lru_cache(maxsize=None)(lambda metric, alias: metric.labels(alias, _VENDOR))


class PrometheusDatabaseWrapper(DatabaseWrapperMixin, DatabaseWrapper):  # type: ignore[misc]
    """Django's backend, whose connections django-prometheus counts.

    Not with its cursors, which count while a request waits for them, and look up each counter by
    its labels: `BackendHooks` makes cursors, and `count_statements` counts from the traces.
    """


def count_error(alias: str, error: Exception) -> None:
    """Count a failed statement by the type of psycopg's error."""
    errors_total.labels(alias, _VENDOR, type(error.__cause__ or error).__name__).inc()


def count_statements(statements: Sequence[Any]) -> None:
    """Update django-prometheus' metrics of executed statements, each a `Statement` of a trace."""
    for alias in {each.alias for each in statements}:
        executed = [each for each in statements if each.alias == alias]
        observe_many(_get_child(query_duration_seconds, alias), [each.seconds for each in executed])
        repeated = [len(each.params) for each in executed if each.is_many]
        if repeated:
            _get_child(execute_many_total, alias).inc(sum(repeated))
        _get_child(execute_total, alias).inc(len(executed) - len(repeated) + sum(repeated))
