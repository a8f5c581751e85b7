"""A slow statement is logged, counted and stored in one row, from requests and commands."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import include, path, reverse

from morpheus.cache import outbox
from perf.models import SlowQuery
from perf.monitoring.slow_queries import recorder, storage
from perf.monitoring.slow_queries.recorder import group_executions, slow_statement_queue
from perf.monitoring.slow_queries.storage import SlowStatement
from perf.monitoring.sql_text import normalize_statement
from tests.conftest import PASSWORD, as_staff
from tests.perf.monitoring.slow_queries.conftest import HERE
from tests.serving import REPOSITORY, environment, wait_until


def sleep(request: HttpRequest, seconds: str) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s)", [float(seconds)])
    return HttpResponse()


urlpatterns = [path("sleep/<str:seconds>/", sleep), path("", include("morpheus.urls"))]
ROUTE = "GET /sleep/{seconds}/"


@pytest.mark.urls(__name__)
def test_a_slow_statement_of_a_request_is_recorded_with_its_route(
    client: Any, rows: Any, slow_from_budgets: None, growth: Any, caplog: Any, make_user: Any
) -> None:
    with caplog.at_level(logging.WARNING, "perf.monitoring.slow_queries.recorder"):
        response = client.get("/sleep/1.2/")
        (row,) = rows()

    assert response.status_code == 200
    assert (row.route, row.kind, row.count, row.statement) == (
        *(ROUTE, "simple", 1),
        "SELECT pg_sleep(?)",
    )
    assert row.request_id == response["X-Request-ID"]
    assert row.worst_ms == row.last_ms >= 1200
    assert row.plan[0]["Plan"]["Node Type"] == "Result"
    assert growth("morpheus_db_slow_queries_total", route=ROUTE) == 1
    assert growth("morpheus_db_breaches_total", route=ROUTE, kind="simple") == 1
    slow = [record for record in caplog.records if record.message == "slow_query"]
    (record,) = [record for record in slow if record.fields["route"] == ROUTE]
    assert record.request_id == row.request_id
    assert record.fields["ms"] >= 1200

    make_user("root", is_staff=True, is_superuser=True)
    client.login(username="root@example.org", password=PASSWORD)
    assert ROUTE in client.get(reverse("admin:perf_slowquery_changelist")).content.decode()
    page = client.get(reverse("admin:perf_slowquery_change", args=[row.pk])).content.decode()
    assert "SELECT pg_sleep(?)" in page and "<pre>Result  (cost" in page


def test_a_command_records_its_slow_statement_before_it_ends(rows: Any) -> None:
    login = connection.settings_dict
    url = f"host={login['HOST']} port={login['PORT']} dbname={login['NAME']} user={login['USER']}"
    sleep = "from django.db import connection as c; c.cursor().execute('SELECT pg_sleep(1.2)')"

    ended = subprocess.run(
        [sys.executable, "manage.py", "shell", "-c", sleep],
        cwd=REPOSITORY,
        env=environment(settings.MORPHEUS_VAR, DATABASE_URL=url, MORPHEUS_LOG_FORMAT="json"),
        capture_output=True,
        text=True,
        check=True,
    )

    (row,) = rows()
    assert (row.route, row.request_id, row.count) == ("manage.py shell", "", 1)
    line = json.loads(ended.stderr)
    assert (line["event"], line["level"], line["route"]) == (
        *("slow_query", "warning"),
        "manage.py shell",
    )


@pytest.mark.parametrize("command", ["prepare", "migrate", "seed"])
def test_commands_that_build_tables_record_no_slow_statement(
    run: Any, rows: Any, everything_is_slow: None, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr(recorder, "get_source", lambda: f"manage.py {command}")

    run()

    assert rows() == []


def test_a_thousand_executions_are_one_row_and_few_writes(
    run: Any, rows: Any, everything_is_slow: None, batches: list[SlowStatement]
) -> None:
    run(times=1000)

    (row,) = rows()
    assert (row.route, row.count) == (HERE, 1000)
    assert row.worst_ms >= row.last_ms > 0
    writes = [
        statement for statement in batches if statement.normalized.fingerprint == row.fingerprint
    ]
    assert sum(statement.count for statement in writes) == 1000
    assert len(writes) < 100


@pytest.mark.urls(__name__)
def test_routes_have_their_own_rows_and_share_a_plan(
    client: Any, run: Any, rows: Any, everything_is_slow: None
) -> None:
    run("SELECT pg_sleep(%s)", [0.0])
    rows()
    client.get("/sleep/0/")

    here, there = sorted(rows(), key=lambda row: row.route == ROUTE)
    assert (here.route, there.route) == (HERE, ROUTE)
    assert here.fingerprint == there.fingerprint
    assert here.plan == there.plan and here.planned_at == there.planned_at is not None


def test_a_slow_statement_is_recorded_by_the_thread_alone(
    run: Any, rows: Any, everything_is_slow: None, batches: list[SlowStatement]
) -> None:
    run()

    wait_until(
        lambda: any(
            statement.normalized.text.startswith("SELECT pg_sleep") for statement in batches
        )
    )


def test_a_statement_over_the_limit_of_its_kind_is_counted(run: Any, growth: Any) -> None:
    run("SELECT pg_sleep(0.11)")
    run("SELECT pg_sleep(0.11) FROM (VALUES (1)) a (x) JOIN (VALUES (1)) b (y) ON x = y")

    assert growth("morpheus_db_breaches_total", route=HERE, kind="simple") == 1
    assert growth("morpheus_db_breaches_total", route=HERE, kind="join") == 0
    assert growth("morpheus_db_slow_queries_total", route=HERE) == 0


@pytest.mark.urls(__name__)
def test_without_a_database_the_request_succeeds_and_the_loss_is_counted(
    client: Any, rows: Any, everything_is_slow: None, growth: Any, monkeypatch: Any, caplog: Any
) -> None:
    client.get("/sleep/0/")
    rows()
    growth("morpheus_db_slow_queries_dropped_total")
    monkeypatch.setitem(connection.settings_dict, "PORT", "1")

    response = client.get("/sleep/0/")

    assert slow_statement_queue().flush(30)
    assert response.status_code == 200
    assert growth("morpheus_db_slow_queries_dropped_total") >= 1
    assert "Slow statements could not be written: OperationalError" in caplog.text
    assert any(record.message == "slow_query" for record in caplog.records)
    monkeypatch.undo()
    assert [row.count for row in rows()] == [1]


def test_statements_beyond_the_queue_are_dropped_and_counted(growth: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(recorder, "MAX_STATEMENTS", 1)
    executions = [
        SlowStatement(normalize_statement(f"SELECT * FROM {table}"), "GET /", "", "", 1.0, 1.0)
        for table in ("a", "b", "a")
    ]

    groups = group_executions(executions)

    assert [(group.normalized.text, group.count) for group in groups] == [("SELECT * FROM a", 2)]
    assert growth("morpheus_db_slow_queries_dropped_total") == 1


def test_beyond_the_limit_the_oldest_rows_are_deleted(
    rows: Any, monkeypatch: Any, slow_from_budgets: None
) -> None:
    monkeypatch.setattr(storage, "MAX_ROWS", 3)
    rows()  # Earlier slow statements are written first, so that they can be deleted.
    with as_staff():
        SlowQuery.objects.all().delete()
    with outbox.connect() as connection:
        for table in "abcde":
            normalized = normalize_statement(f"SELECT * FROM {table}")
            storage.write(
                connection, [SlowStatement(normalized, f"GET /{table}/", "", "", 1.0, 1.0)]
            )

    assert [row.route for row in rows("SELECT")] == ["GET /c/", "GET /d/", "GET /e/"]
