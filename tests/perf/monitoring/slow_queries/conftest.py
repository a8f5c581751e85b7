"""Slow statements of a test, and the rows about them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from prometheus_client import REGISTRY

from perf.models import SlowQuery
from perf.monitoring.slow_queries import storage
from perf.monitoring.slow_queries.recorder import slow_statement_queue
from perf.monitoring.slow_queries.storage import SlowStatement
from tests.conftest import as_staff

# The monitor's name for the thread of the tests.
HERE = "MainThread"


@pytest.fixture
def everything_is_slow(settings: Any) -> None:
    settings.MORPHEUS_SLOW_QUERY_MS = 0.000_001


@pytest.fixture
def slow_from_budgets(settings: Any) -> None:
    settings.MORPHEUS_SLOW_QUERY_MS = 0


@pytest.fixture
def rows(transactional_db: None) -> Callable[..., list[SlowQuery]]:
    """Return the rows of statements with this prefix, once all are written."""

    def read(prefix: str = "SELECT pg_sleep") -> list[SlowQuery]:
        assert slow_statement_queue().flush(30)
        with as_staff():
            queries = SlowQuery.objects.filter(statement__startswith=prefix)
            return list(queries.order_by("route"))

    return read


@pytest.fixture
def run(transactional_db: None) -> Callable[..., None]:
    """Run a statement outside of any request, as a command does."""

    def run(sql: str = "SELECT pg_sleep(0)", params: Any = None, *, times: int = 1) -> None:
        with connection.cursor() as cursor:
            for _ in range(times):
                cursor.execute(sql, params)

    return run


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[SlowStatement]:
    """Collect the slow statements that the recorder writes."""
    written: list[SlowStatement] = []
    write = storage.write

    def spy(connection: Any, batch: Any) -> set[str]:
        without_plan = write(connection, batch)
        written.extend(batch)
        return without_plan

    monkeypatch.setattr(storage, "write", spy)
    return written


@pytest.fixture
def growth() -> Callable[..., float]:
    """Return the growth of a counter since the last call, or since the test began."""
    seen: dict[Any, float] = {}
    for family in REGISTRY.collect():
        for sample in family.samples:
            seen[sample.name, *sorted(sample.labels.items())] = sample.value

    def growth(name: str, **labels: str) -> float:
        key = (name, *sorted(labels.items()))
        value = REGISTRY.get_sample_value(name, labels) or 0.0
        before, seen[key] = seen.get(key, 0.0), value
        return value - before

    return growth
