"""Slow statements of a test, and what has been written of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from prometheus_client import REGISTRY

from perf.models import SlowQuery
from perf.monitoring.slow_queries.recording import gathering
from perf.monitoring.slow_queries.sightings import Sighting
from perf.monitoring.slow_queries.signals import slow_query_recorded
from tests.conftest import as_staff

# What a thread of the tests is called where a command or a thread of the server would be.
HERE = "MainThread"


@pytest.fixture
def everything_is_slow(settings: Any) -> None:
    settings.MORPHEUS_SLOW_QUERY_MS = 0.000_001


@pytest.fixture
def slow_from_budgets(settings: Any) -> None:
    settings.MORPHEUS_SLOW_QUERY_MS = 0


@pytest.fixture
def rows(transactional_db: None) -> Callable[..., list[SlowQuery]]:
    """Return the rows of statements that begin so, when all that was seen is written."""

    def read(beginning: str = "SELECT pg_sleep") -> list[SlowQuery]:
        assert gathering().finish(30)
        with as_staff():
            found = SlowQuery.objects.filter(statement__startswith=beginning)
            return list(found.order_by("route"))

    return read


@pytest.fixture
def run(transactional_db: None) -> Callable[..., None]:
    """Run a statement as a command does, outside of any request."""

    def run(sql: str = "SELECT pg_sleep(0)", params: Any = None, *, times: int = 1) -> None:
        with connection.cursor() as cursor:
            for _ in range(times):
                cursor.execute(sql, params)

    return run


@pytest.fixture
def told() -> Iterator[list[Sighting]]:
    """Collect what the signal tells."""
    told: list[Sighting] = []

    def tell(sighting: Sighting, **_: Any) -> None:
        told.append(sighting)

    slow_query_recorded.connect(tell)
    yield told
    slow_query_recorded.disconnect(tell)


@pytest.fixture
def grown() -> Callable[..., float]:
    """Return by how much a counter has grown since the last time, or since the test began."""
    seen: dict[Any, float] = {}
    for family in REGISTRY.collect():
        for sample in family.samples:
            seen[sample.name, *sorted(sample.labels.items())] = sample.value

    def grown(name: str, **labels: str) -> float:
        key = (name, *sorted(labels.items()))
        value = REGISTRY.get_sample_value(name, labels) or 0.0
        before, seen[key] = seen.get(key, 0.0), value
        return value - before

    return grown
