"""Every statement is told of once, with its rows, however it is run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from psycopg import sql

from morpheus.tracing.events import on_statement_executed
from morpheus.tracing.request_trace import COMMIT, trace_request

TABLE = "novels_genre"
SERIES = "SELECT generate_series(1, %s)"

pytestmark = pytest.mark.django_db


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Published statements outside of requests."""
    statements: list[Any] = []
    monkeypatch.setattr("morpheus.tracing.events.on_statement_executed", [statements.append])
    return statements


@pytest.fixture
def numbers() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE numbers (number int CHECK (number < 1000))")
        yield
        cursor.execute("DROP TABLE numbers")


def test_a_statement_tells_its_text_its_values_and_its_rows(told: list[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(SERIES, [7])

    [statement] = told
    assert (statement.alias, statement.sql, statement.params, statement.rows) == (
        "default",
        SERIES,
        [7],
        7,
    )
    assert statement.seconds > 0
    assert not statement.is_failed


def test_rows_that_are_read_bit_by_bit_are_one_statement_with_all_of_them(told: list[Any]) -> None:
    from novels.models import Genre

    count = Genre.objects.count()
    assert count > 4
    del told[:]

    read = [*Genre.objects.iterator(chunk_size=2)]

    [statement] = told
    assert len(read) == statement.rows == count
    assert statement.sql.startswith("SELECT")


@pytest.mark.parametrize("many", [[(1,), (2,), (3,)], ((number,) for number in (1, 2, 3))])
def test_one_statement_for_many_values_is_one(told: list[Any], numbers: None, many: Any) -> None:
    del told[:]
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO numbers VALUES (%s)", many)

    [statement] = told
    assert statement.is_many
    assert [tuple(values) for values in statement.params] == [(1,), (2,), (3,)]
    assert statement.rows == 3


def test_a_statement_that_fails_is_told_and_the_error_goes_on(told: list[Any]) -> None:
    with pytest.raises(DatabaseError, match="division by zero"), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")

    [failed] = [statement for statement in told if statement.sql == "SELECT 1 / 0"]
    assert (failed.rows, failed.is_failed) == (None, True)


def test_a_composed_statement_is_told_as_text(told: list[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(TABLE)))

    [statement] = told
    assert statement.sql == f'SELECT count(*) FROM "{TABLE}"'


@pytest.mark.django_db(transaction=True)
def test_a_commit_is_told_and_is_no_query() -> None:
    with trace_request() as trace:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT 1")

    assert [statement.sql for statement in trace.statements] == ["SELECT 1", COMMIT]
    assert trace.queries == 1
    assert trace.seconds >= trace.statements[1].seconds > 0


def test_django_collects_its_queries_beside(told: list[Any]) -> None:
    with CaptureQueriesContext(connection) as captured, connection.cursor() as cursor:
        cursor.execute("SELECT 1")

    assert [statement["sql"] for statement in captured.captured_queries] == ["SELECT 1"]
    assert [statement.sql for statement in told] == ["SELECT 1"]


def test_a_failing_subscriber_disturbs_no_other(
    told: list[Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(statement: object) -> None:
        raise RuntimeError("a fault of an observer")

    monkeypatch.setattr("morpheus.tracing.events.on_statement_executed", [fail, told.append])
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)

    assert len(told) == 1
    assert "A subscriber failed" in caplog.text


def test_the_monitor_observes_this_process() -> None:
    from perf.monitoring.queries.monitor import record_statement

    assert record_statement in on_statement_executed


def test_of_too_many_statements_the_number_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("morpheus.tracing.request_trace.MAX_DETAILS", 3)
    with trace_request() as trace, connection.cursor() as cursor:
        for _ in range(5):
            cursor.execute("SELECT 1")

    assert (len(trace.statements), trace.queries) == (3, 5)
