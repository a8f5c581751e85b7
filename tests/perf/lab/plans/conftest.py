"""A database with enough rows that the planner has a choice, and the plans of every request."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import DjangoDbBlocker

from perf.lab.plans.small_data import empty_small, seed_small
from perf.lab.plans.statements import ExplainedRequest, explain_requests


@pytest.fixture(scope="package")
def small_data(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Seed this worker's database, and empty it afterwards."""
    with django_db_blocker.unblock():
        seed_small()
        yield
        empty_small()


@pytest.fixture(scope="package")
def explained_requests(
    small_data: None, django_db_blocker: DjangoDbBlocker
) -> list[ExplainedRequest]:
    """Every example request with its statements and plans, once for all tests."""
    with django_db_blocker.unblock():
        return explain_requests(generic=True)


@pytest.fixture
def status_request(explained_requests: list[ExplainedRequest]) -> ExplainedRequest:
    """A request of one statement, which reads one row by a primary key."""
    (request,) = (
        each for each in explained_requests if each.sent.route == "GET /novels/{novel_id}/status/"
    )
    return request
