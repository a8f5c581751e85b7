"""Statements of the serving role in pg_stat_statements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import connection

from morpheus.db.transactions import write_transaction
from novels.models import Genre
from perf.monitoring.sql_text import has_plan
from perf.monitoring.statistics import statements
from perf.monitoring.statistics.limited_queries import StatisticsUnavailable

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_statements")]

MANY = 500


def run(sql: str, *params: str | int, times: int = 1) -> None:
    with connection.cursor() as cursor:
        for _ in range(times):
            cursor.execute(sql, params)


def find_statement(part: str) -> Any:
    rows = statements.statements("calls", limit=MANY)
    [statement] = [row for row in rows if part in row.text]
    return statement


def test_a_statement_is_counted_without_its_values() -> None:
    before = statements.totals()
    run("SELECT name AS counted FROM novels_genre WHERE slug = %s", "secret", times=3)

    statement = find_statement("counted")
    assert (statement.calls, statement.rows) == (3, 0)
    assert "secret" not in statement.text
    assert has_plan(statement.text)
    again = statements.statement([statement.query_id])
    assert again is not None and again.text == statement.text
    after = statements.totals()
    assert after.calls >= before.calls + 3
    assert after.buffers >= before.buffers and 0 <= after.hit_ratio <= 1


def test_an_unknown_statement_is_none() -> None:
    assert statements.statement(["42"]) is None


def test_statements_of_other_roles_are_hidden(connect: Callable[[str], psycopg.Connection]) -> None:
    connect("superuser").execute("SELECT 'of an administrator' AS administrators")

    texts = [statement.text for statement in statements.statements("calls", limit=MANY)]

    assert not any("administrators" in text for text in texts)


@pytest.mark.parametrize("order", statements.ORDERS)
def test_every_order_descends(order: Any) -> None:
    run("SELECT 1 FROM novels_genre", times=2)
    values = {
        "total_ms": lambda statement: statement.total_ms,
        "mean_ms": lambda statement: statement.mean_ms,
        "max_ms": lambda statement: statement.max_ms,
        "calls": lambda statement: statement.calls,
        "rows": lambda statement: statement.rows,
        "buffers": lambda statement: statement.buffers,
    }

    listed = [values[order](statement) for statement in statements.statements(order, limit=MANY)]

    assert listed == sorted(listed, reverse=True)


@pytest.mark.parametrize("order", ["", "total_ms; DROP TABLE novels_novel", "query", "total"])
def test_an_order_that_does_not_exist_never_reaches_sql(order: Any) -> None:
    with pytest.raises(ValueError, match="no order"):
        statements.statements(order)


def test_rare_statements_do_not_count_as_slowest() -> None:
    run("SELECT pg_sleep(0.02) AS rare")

    slowest = statements.slowest_statement([1_000_000])

    assert slowest is None


def test_a_generic_plan_executes_nothing() -> None:
    with write_transaction(as_staff=True):
        Genre.objects.create(name="Noir", slug="noir")
        run("SELECT id AS planned FROM novels_genre WHERE id = %s", 1)

        assert "(id = $1)" in statements.generic_plan(find_statement("planned").text)
        inserted = find_statement('INSERT INTO "novels_genre"')
        assert "Insert on novels_genre" in statements.generic_plan(inserted.text)
        assert Genre.objects.filter(slug__in=["noir", "plan"]).count() == 1
        # Writing goes on after it.
        Genre.objects.create(name="Plan", slug="plan")


def test_a_statement_without_plan_is_refused() -> None:
    run("SET LOCAL application_name = 'unplanned'")

    with pytest.raises(StatisticsUnavailable, match="no plan"):
        statements.generic_plan(find_statement("application_name").text)
