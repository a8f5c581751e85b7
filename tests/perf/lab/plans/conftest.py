"""A database with enough rows that the planner has a choice, and the plans of every request."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection, transaction
from pytest_django import DjangoDbBlocker

from morpheus.db.roles import connected_as
from perf.lab.plans.small_data import seed_small
from perf.lab.plans.statements import ExplainedRequest, explain_requests
from perf.seeding import database


@pytest.fixture(scope="package")
def small_data(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Seed this worker's database, and empty it afterwards."""
    with django_db_blocker.unblock():
        seed_small()
        yield
        _empty_small()


def _empty_small() -> None:
    """Delete the rows of `seed_small`."""
    with connected_as("owner"), transaction.atomic(), connection.cursor() as cursor:
        database.empty(cursor)
        cursor.execute("DELETE FROM comics_image")
        cursor.execute("DELETE FROM django_session WHERE session_data = 'small'")


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
