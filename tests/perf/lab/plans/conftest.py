"""A database with enough rows that the planner has a choice, and what every endpoint asks of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from perf.lab.plans.small_data import empty_small, seed_small
from perf.lab.plans.statements import Endpoint, endpoints


@pytest.fixture(scope="package")
def seeded(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Seed this worker's database, and empty it afterwards."""
    with django_db_blocker.unblock():
        seed_small()
        yield
        empty_small()


@pytest.fixture(scope="package")
def all_endpoints(seeded: None, django_db_blocker: Any) -> list[Endpoint]:
    """Every endpoint with its statements and plans; made once for all tests of them."""
    with django_db_blocker.unblock():
        return endpoints(generic=True)
