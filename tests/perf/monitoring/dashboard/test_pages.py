"""Content and cost of the pages, also with hostile URLs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from perf.monitoring.dashboard.page import TABS
from perf.monitoring.queries.statement_routes import load_statement_routes, send_statement_routes
from perf.monitoring.sql_text import normalize_statement
from perf.monitoring.statistics import statements
from tests.perf.monitoring.dashboard.conftest import text_of, url

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_statements")]

NAMES = [name.removeprefix("perf_") for name in TABS]
# Parameters of tables with orders that no column has.
HOSTILE = {
    "sort": "size;DROP TABLE users_user",
    "kinds": "__class__",
    "sessions": "-",
    "slots": "\x00",
    "missing": "--size",
    "unused": "-key",
    "sequential": "'\"<b>",
    "duplicate": "x" * 5000,
    "all": "nothing",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_page_costs_the_same_statements_however_many_rows_there_are(
    site: Client,
    make_novels: Callable[..., list[Any]],
    assert_flat_queries: Callable[..., None],
    name: str,
) -> None:
    def grow() -> None:
        make_novels(30)
        with connection.cursor() as cursor:
            for at in range(30):
                cursor.execute(f"SELECT id AS grown_{at} FROM novels_novel WHERE id = %s", [at])

    # Includes session, user, and the limits set before each statement.
    assert_flat_queries(lambda: site.get(url(name)), grow, budget=29)


def test_a_page_has_the_icon_of_the_admin(site: Client) -> None:
    page = text_of(site.get(url("overview")))

    assert page.count('rel="icon"') == 1 and "favicon.svg" in page


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_order_is_ignored(site: Client, name: str) -> None:
    arrows = re.compile(r'aria-sort="\w+"')
    plain = site.get(url(name))

    answer = site.get(url(name), HOSTILE)

    assert answer.status_code == 200
    assert "<b>" not in text_of(answer)
    assert arrows.findall(text_of(answer)) == arrows.findall(text_of(plain))


def test_a_click_sorts_a_table_and_the_next_click_reverses_it(site: Client) -> None:
    def shown(order: str) -> list[str]:
        page = text_of(site.get(url("tables"), {"sort": order, "all": "sort"}))
        return re.findall(r'data-title="Table"><span class="value">(\w+)<', page)

    ascending = shown("name")

    assert ascending == sorted(ascending) and len(ascending) > 10
    assert shown("-name") == ascending[::-1]
    assert 'href="?sort=-name"' in text_of(site.get(url("tables"), {"sort": "name"}))


def test_a_long_table_shows_its_first_rows_and_links_to_the_rest(site: Client) -> None:
    def shown(**query: str) -> int:
        return text_of(site.get(url("indexes"), query)).count('data-title="Scans"')

    assert shown() == 25
    assert "?all=sort" in text_of(site.get(url("indexes")))
    assert shown(all="sort") > 25


def test_queries_have_their_routes(
    site: Client, api: APIClient, make_novels: Callable[..., list[Any]]
) -> None:
    make_novels(1)
    assert api.get("/api/v1/novels/").status_code == 200
    send_statement_routes()

    page = text_of(site.get(url("queries"), {"sort": "-calls", "all": "sort"}))

    assert "GET /novels/</a>" in page
    asked = {name for name, routes in load_statement_routes().items() if "GET /novels/" in routes}
    known = statements.statements("calls", limit=5000)
    statement = next(
        statement for statement in known if normalize_statement(statement.text).fingerprint in asked
    )
    details = text_of(site.get(url("query", statement.query_id)))
    assert "Route: " in details and "GET /novels/" in details


def test_no_value_of_a_statement_is_shown(site: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM users_user WHERE email = 'ann@example.org'")
        # pg_stat_statements stores this statement with its value.
        cursor.execute("SET LOCAL app.note = 'ann@example.org'")

    page = text_of(site.get(url("queries"), {"sort": "-calls", "all": "sort"}))
    noted = [
        statement
        for statement in statements.statements("calls", limit=500)
        if "app.note" in statement.text
    ]
    details = text_of(site.get(url("query", noted[0].query_id)))

    assert "app.note" in details and "users_user" in page
    assert "ann@example.org" not in page + details


def test_the_page_of_a_statement_has_its_plan(site: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id AS explained FROM novels_genre WHERE id = %s", [1])
    [statement] = [s for s in statements.statements("calls", limit=500) if "explained" in s.text]

    page = text_of(site.get(url("query", statement.query_id)))

    assert "Generic plan" in page and "Index" in page and "novels_genre" in page


@pytest.mark.parametrize("query_id", ["42", "-9223372036854775809", "99999999999999999999", "x"])
def test_an_unknown_statement_is_404(site: Client, query_id: Any) -> None:
    assert site.get(url("queries") + f"{query_id}/").status_code == 404


@pytest.mark.parametrize("route", ["", "GET /nothing/", "<script>alert(1)</script>", "x" * 5000])
def test_a_route_without_requests_says_so(site: Client, route: str) -> None:
    page = text_of(site.get(url("route"), {"route": route}))

    assert "There was no request to this route" in page
    assert "<script>alert" not in page


def test_a_route_has_its_budget_and_its_histogram(site: Client, api: APIClient) -> None:
    api.get("/api/v1/novels/")

    page = text_of(site.get(url("route"), {"route": "GET /novels/"}))

    assert "the budget is 50 ms" in page
    assert 'class="chart histogram"' in page
    assert "style=" not in page and "<style" not in page


def test_a_failing_statistic_is_named_and_the_rest_is_shown(
    connect: Callable[[str], psycopg.Connection], site: Client
) -> None:
    with connect("owner") as owner, owner.transaction():
        owner.execute("LOCK TABLE novels_novel IN ACCESS EXCLUSIVE MODE")

        page = text_of(site.get(url("tables")))

    assert "A table is locked, most likely by a migration" in page
    assert "of all page reads" in page
