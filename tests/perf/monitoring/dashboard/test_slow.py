"""Slow queries on the overview, in their list, and one with its plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from morpheus.db.transactions import write_transaction
from perf.models import SlowQuery
from tests.perf.monitoring.dashboard.conftest import text_of, url

pytestmark = pytest.mark.django_db

PLAN = [{"Plan": {"Node Type": "Seq Scan", "Relation Name": "t", "Total Cost": 9, "Plan Rows": 3}}]


@pytest.fixture
def make_slow() -> Callable[..., SlowQuery]:
    """Record a slow query."""

    def make(**fields: Any) -> SlowQuery:
        made = {
            "fingerprint": "0123456789abcdef",
            "kind": "search",
            "statement": "SELECT pg_sleep(?) FROM novels_novel",
            "route": "GET /search/",
            "request_id": "abc",
            "worst_ms": 1300.0,
            "last_ms": 1200.0,
            "count": 1000,
        }
        with write_transaction(as_staff=True):
            return SlowQuery.objects.create(**made | fields)

    return make


def test_a_slow_query_is_on_the_overview_and_in_the_list_with_its_route(
    site: Client, make_slow: Callable[..., SlowQuery]
) -> None:
    before = text_of(site.get(url("overview")))
    make_slow(plan=PLAN)

    first = text_of(site.get(url("overview")))
    listed = text_of(site.get(url("slow")))

    assert "Slow queries:</strong> none in the last day." in before
    assert "1 in the last day, up to 1,300 ms on GET /search/, limit 0." in first
    assert "pg_sleep(?)" in listed and "GET /search/" in listed and "1,000" in listed


def test_its_page_has_its_plan(site: Client, make_slow: Callable[..., SlowQuery]) -> None:
    query = make_slow(plan=PLAN)

    page = text_of(site.get(url("slow_query", query.pk)))

    assert "It took up to 1,300 ms, 1,000 times." in page
    assert "Seq Scan on t" in page and "in request abc" in page


def test_without_a_plan_the_page_has_the_reason(
    site: Client, make_slow: Callable[..., SlowQuery]
) -> None:
    query = make_slow(plan_note="PostgreSQL refused it.")

    assert "PostgreSQL refused it." in text_of(site.get(url("slow_query", query.pk)))


def test_the_list_costs_one_statement_however_many_there_are(
    site: Client, make_slow: Callable[..., SlowQuery], assert_flat_queries: Callable[..., None]
) -> None:
    make_slow()

    def grow() -> None:
        for at in range(20):
            make_slow(route=f"GET /{at}/")

    assert_flat_queries(lambda: site.get(url("slow")), grow, budget=7)


@pytest.mark.parametrize("pk", ["0", "99999999999999999999"])
def test_an_unknown_slow_query_is_404(site: Client, pk: int) -> None:
    assert site.get(f"{url('slow')}{pk}/").status_code == 404
