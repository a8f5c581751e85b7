"""A slow statement is in the log, in the counters and in a row, whoever ran it, and once."""

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

from morpheus.urls import urlpatterns as ours
from perf.models import SlowQuery
from perf.monitoring.slow_queries import rows as slow_rows
from perf.monitoring.slow_queries import sightings
from perf.monitoring.slow_queries.recording import gathering
from perf.monitoring.slow_queries.sightings import Gathering, Sighting
from perf.monitoring.sql_text import normalize_statement
from tests.conftest import PASSWORD, as_staff
from tests.perf.monitoring.slow_queries.conftest import HERE
from tests.serving import REPOSITORY, environment, wait_until


def sleep(request: HttpRequest, seconds: str) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s)", [float(seconds)])
    return HttpResponse()


urlpatterns = [path("sleep/<str:seconds>/", sleep), path("", include(ours))]
ROUTE = "GET /sleep/{seconds}/"


@pytest.mark.urls(__name__)
def test_a_slow_statement_of_a_request_is_told_with_its_route_everywhere(
    client: Any, rows: Any, slow_from_budgets: None, grown: Any, caplog: Any, make_user: Any
) -> None:
    with caplog.at_level(logging.WARNING, "perf.monitoring.slow_queries.recording"):
        answer = client.get("/sleep/1.2/")
        (row,) = rows()

    assert answer.status_code == 200
    assert (row.route, row.kind, row.count, row.statement) == (
        *(ROUTE, "simple", 1),
        "SELECT pg_sleep(?)",
    )
    assert row.request_id == answer["X-Request-ID"]
    assert row.worst_ms == row.last_ms >= 1200
    assert row.plan[0]["Plan"]["Node Type"] == "Result"
    assert grown("morpheus_db_slow_queries_total", route=ROUTE) == 1
    assert grown("morpheus_db_breaches_total", route=ROUTE, kind="simple") == 1
    slow = [record for record in caplog.records if record.message == "slow_query"]
    (record,) = [record for record in slow if record.fields["route"] == ROUTE]
    assert record.request_id == row.request_id
    assert record.fields["ms"] >= 1200

    make_user("root", is_staff=True, is_superuser=True)
    client.login(username="root@example.org", password=PASSWORD)
    assert ROUTE in client.get(reverse("admin:perf_slowquery_changelist")).content.decode()
    page = client.get(reverse("admin:perf_slowquery_change", args=[row.pk])).content.decode()
    assert "SELECT pg_sleep(?)" in page and "<pre>Result  (cost" in page


def test_a_command_that_ends_at_once_has_written_its_slow_statement(rows: Any) -> None:
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


def test_the_same_a_thousand_times_is_one_row_and_few_writes(
    run: Any, rows: Any, everything_is_slow: None, told: list[Any]
) -> None:
    run(times=1000)

    (row,) = rows()
    assert (row.route, row.count) == (HERE, 1000)
    assert row.worst_ms >= row.last_ms > 0
    writes = [seen for seen in told if seen.shape.fingerprint == row.fingerprint]
    assert sum(seen.count for seen in writes) == 1000
    assert len(writes) < 100


@pytest.mark.urls(__name__)
def test_each_route_has_its_own_row_and_they_share_a_plan(
    client: Any, run: Any, rows: Any, everything_is_slow: None
) -> None:
    run("SELECT pg_sleep(%s)", [0.0])
    rows()
    client.get("/sleep/0/")

    here, there = sorted(rows(), key=lambda row: row.route == ROUTE)
    assert (here.route, there.route) == (HERE, ROUTE)
    assert here.fingerprint == there.fingerprint
    assert here.plan == there.plan and here.planned_at == there.planned_at is not None


def test_it_is_written_without_being_asked_for(
    run: Any, rows: Any, everything_is_slow: None, told: list[Any]
) -> None:
    run()

    wait_until(lambda: any(seen.shape.text.startswith("SELECT pg_sleep") for seen in told))


def test_a_statement_over_its_kinds_limit_is_a_breach_though_it_is_not_slow(
    run: Any, grown: Any
) -> None:
    run("SELECT pg_sleep(0.11)")
    run("SELECT pg_sleep(0.11) FROM (VALUES (1)) a (x) JOIN (VALUES (1)) b (y) ON x = y")

    assert grown("morpheus_db_breaches_total", route=HERE, kind="simple") == 1
    assert grown("morpheus_db_breaches_total", route=HERE, kind="join") == 0
    assert grown("morpheus_db_slow_queries_total", route=HERE) == 0


@pytest.mark.urls(__name__)
def test_without_a_database_for_the_row_the_request_is_answered_and_the_loss_counted(
    client: Any, rows: Any, everything_is_slow: None, grown: Any, monkeypatch: Any, caplog: Any
) -> None:
    client.get("/sleep/0/")
    rows()
    grown("morpheus_db_slow_queries_dropped_total")
    monkeypatch.setitem(connection.settings_dict, "PORT", "1")

    answer = client.get("/sleep/0/")

    assert gathering().finish(30)
    assert answer.status_code == 200
    assert grown("morpheus_db_slow_queries_dropped_total") >= 1
    assert "Slow statements could not be written: OperationalError" in caplog.text
    assert any(record.message == "slow_query" for record in caplog.records)
    monkeypatch.undo()
    assert [row.count for row in rows()] == [1]


def test_more_than_can_wait_is_dropped_and_counted(grown: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(sightings, "MAX_WAITING", 1)
    gathered: list[Any] = []
    waiting = Gathering(gathered.extend)
    for table in ("a", "b", "a"):
        waiting.add(normalize_statement(f"SELECT * FROM {table}"), "GET /", "", "", 1.0)

    assert waiting.finish(30)
    assert [(seen.shape.text, seen.count) for seen in gathered] == [("SELECT * FROM a", 2)]
    assert grown("morpheus_db_slow_queries_dropped_total") == 1


def test_rows_are_bounded_and_the_oldest_go(
    rows: Any, monkeypatch: Any, slow_from_budgets: None
) -> None:
    monkeypatch.setattr(slow_rows, "MAX_ROWS", 3)
    rows()  # What was slow before has been written, and is deleted.
    with as_staff():
        SlowQuery.objects.all().delete()
    with slow_rows.opened() as own:
        for table in "abcde":
            shape = normalize_statement(f"SELECT * FROM {table}")
            slow_rows.write(own, [Sighting(shape, f"GET /{table}/", "", "", 1.0, 1.0)])

    assert [row.route for row in rows("SELECT")] == ["GET /c/", "GET /d/", "GET /e/"]
