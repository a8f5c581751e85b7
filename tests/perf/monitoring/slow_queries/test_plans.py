"""The plan of a slow statement: for any values, without values, and never by running it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from perf.models import SlowQuery
from perf.monitoring.explain import parse_plan
from perf.monitoring.slow_queries import rows as slow_rows
from perf.monitoring.slow_queries.plans import take_plan
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


def test_a_plan_names_indexes_and_conditions_and_no_value(make_novels: Any) -> None:
    sql = (
        "SELECT * FROM novels_novel WHERE id = %s AND word_count + 0 > 4711 "
        "AND title <> 'whale' AND author <> 'ann@example.org' LIMIT %s"
    )

    with slow_rows.opened() as own:
        plan, note = take_plan(own, sql)

    text = parse_plan(plan).as_text()
    assert note == ""
    assert "Index Scan using novels_novel_" in text and " on novels_novel  (cost" in text
    assert "((word_count + ?) > ?)" in text
    assert not any(secret in str(plan) for secret in SECRETS)


def test_a_statement_is_explained_and_not_run(make_user: Any) -> None:
    from users.models import User

    make_user()
    with slow_rows.opened() as own:
        plan, _ = take_plan(own, "DELETE FROM users_user")
        two, note = take_plan(own, "SELECT 1; DELETE FROM users_user")
        left = own.execute("SELECT count(*) FROM pg_prepared_statements").fetchone()

    with as_staff():
        assert User.objects.count() == 1
    assert plan[0]["Plan"]["Operation"] == "Delete"
    assert (two, note) == (None, "PostgreSQL does not explain it: SyntaxError.")
    assert left == (0,)


@pytest.mark.parametrize(
    ("sql", "note"),
    [
        ("SAVEPOINT s1", "PostgreSQL has no plan for statements of this kind."),
        ("SELECT %s + %s", "PostgreSQL does not explain it: AmbiguousFunction."),
    ],
)
def test_what_has_no_plan_says_why(
    run: Any, rows: Any, everything_is_slow: None, sql: str, note: str
) -> None:
    with slow_rows.opened() as own:
        assert take_plan(own, sql) == (None, note)


def test_a_plan_is_taken_once_an_hour(run: Any, rows: Any, everything_is_slow: None) -> None:
    def planned() -> Any:
        run("SELECT pg_sleep(0)")
        return rows()[0].planned_at

    first = planned()
    assert planned() == first
    with as_staff():
        SlowQuery.objects.update(planned_at=timezone.now() - timedelta(hours=2))
    assert planned() > first


def test_no_value_is_kept_of_a_statement(
    run: Any, rows: Any, everything_is_slow: None, caplog: Any
) -> None:
    run("SELECT 'ann@example.org', %s, 4711 FROM novels_genre WHERE name = %s", ["whale"] * 2)
    with pytest.raises(Exception, match="whale"), connection.cursor() as cursor:
        cursor.execute("SELECT 'whale'::int, 'ann@example.org'")

    found = rows("SELECT ?")
    with as_staff():
        kept = str(SlowQuery.objects.values())
    assert len(found) == 2
    assert not any(secret in kept + caplog.text for secret in SECRETS)
