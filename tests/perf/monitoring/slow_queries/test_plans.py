"""The plan of a slow statement is generic, holds no value, and never executes the statement."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as django_connection
from django.utils import timezone

from morpheus.cache import outbox
from perf.models import SlowQuery
from perf.monitoring.explain import parse_plan
from perf.monitoring.slow_queries.recorder import take_plan
from perf.monitoring.sql_text import number_placeholders
from tests.conftest import as_staff

pytestmark = pytest.mark.django_db(transaction=True)

SECRETS = ("ann@example.org", "4711", "whale")


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("a = %s AND b = %s", "a = $1 AND b = $2"),
        ("a = %(x)s AND b = %(y)s AND c = %(x)s", "a = $1 AND b = $2 AND c = $1"),
        ("a LIKE '%%s' AND b = %s", "a LIKE '%s' AND b = $1"),
    ],
)
def test_placeholders_are_numbered_as_psycopg_numbers_them(sql: str, text: str) -> None:
    assert number_placeholders(sql) == text


def test_a_plan_has_indexes_and_conditions_without_values(make_novels: Any) -> None:
    sql = (
        "SELECT * FROM novels_novel WHERE id = %s AND word_count + 0 > 4711 "
        "AND title <> 'whale' AND author <> 'ann@example.org' LIMIT %s"
    )

    with outbox.connect() as connection:
        plan, note = take_plan(connection, sql)

    text = parse_plan(plan).as_text()
    assert note == ""
    assert "Index Scan using novels_novel_" in text and " on novels_novel  (cost" in text
    assert "((word_count + ?) > ?)" in text
    assert not any(secret in str(plan) for secret in SECRETS)


def test_taking_a_plan_executes_nothing(make_user: Any) -> None:
    from users.models import User

    make_user()
    with outbox.connect() as connection:
        plan, _ = take_plan(connection, "DELETE FROM users_user")
        second, note = take_plan(connection, "SELECT 1; DELETE FROM users_user")
        left = connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone()

    with as_staff():
        assert User.objects.count() == 1
    assert plan[0]["Plan"]["Operation"] == "Delete"
    assert (second, note) == (None, "PostgreSQL does not explain it: SyntaxError.")
    assert left == (0,)


@pytest.mark.parametrize(
    ("sql", "note"),
    [
        ("SAVEPOINT s1", "PostgreSQL has no plan for statements of this kind."),
        ("SELECT %s + %s", "PostgreSQL does not explain it: AmbiguousFunction."),
    ],
)
def test_a_statement_without_plan_has_a_reason(
    run: Any, rows: Any, everything_is_slow: None, sql: str, note: str
) -> None:
    with outbox.connect() as connection:
        assert take_plan(connection, sql) == (None, note)


def test_a_plan_is_taken_once_an_hour(run: Any, rows: Any, everything_is_slow: None) -> None:
    def planned() -> Any:
        run("SELECT pg_sleep(0)")
        return rows()[0].planned_at

    first = planned()
    assert planned() == first
    with as_staff():
        SlowQuery.objects.update(planned_at=timezone.now() - timedelta(hours=2))
    assert planned() > first


def test_no_value_of_a_statement_is_stored(
    run: Any, rows: Any, everything_is_slow: None, caplog: Any
) -> None:
    run("SELECT 'ann@example.org', %s, 4711 FROM novels_genre WHERE name = %s", ["whale"] * 2)
    with pytest.raises(Exception, match="whale"), django_connection.cursor() as cursor:
        cursor.execute("SELECT 'whale'::int, 'ann@example.org'")

    queries = rows("SELECT ?")
    with as_staff():
        stored = str(SlowQuery.objects.values())
    assert len(queries) == 2
    assert not any(secret in stored + caplog.text for secret in SECRETS)
