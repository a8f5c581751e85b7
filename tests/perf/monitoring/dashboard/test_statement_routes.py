"""The routes of statements, stored in the cache server for all processes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client

from morpheus.cache.redis_client import RedisUnavailable
from morpheus.cache.store import cache_store
from morpheus.tracing.request_trace import FinishedRequest, RequestTrace, Statement
from perf.monitoring.queries import statement_routes
from perf.monitoring.sql_text import normalize_statement
from tests.perf.monitoring.dashboard.conftest import text_of, url

SQL = "SELECT id FROM novels_novel WHERE id = %s"


@pytest.fixture(autouse=True)
def no_known_routes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process know no routes, as after its start."""
    monkeypatch.setattr(statement_routes, "_pairs", set())


def finish_request(route: str, sql: str = SQL) -> None:
    trace = RequestTrace(statements=[Statement("default", sql, [1], 0.001, 1)], queries=1)
    request = FinishedRequest(route, status=200, seconds=0.01, request_id="test", trace=trace)
    statement_routes.note_statement_routes([request])


@pytest.fixture
def unavailable_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Open the circuit breaker of the cache server."""
    breaker = cache_store().client.breaker
    monkeypatch.setattr(breaker, "cool_down_s", 600)
    breaker.record_failure()
    yield
    breaker.record_success()


def test_a_statement_has_all_its_routes() -> None:
    finish_request("GET /novels/{novel_id}/")
    finish_request("GET /novels/")
    finish_request("GET /novels/")
    assert statement_routes.load_statement_routes() == {}

    statement_routes.send_statement_routes()

    fingerprint = normalize_statement("SELECT id FROM novels_novel WHERE id = $1").fingerprint
    assert statement_routes.load_statement_routes() == {
        fingerprint: ["GET /novels/", "GET /novels/{novel_id}/"]
    }


def test_lost_routes_are_sent_again() -> None:
    finish_request("GET /novels/")
    statement_routes.send_statement_routes()
    cache_store().client.run(lambda prefix: [("DEL", f"{prefix}origins")])
    assert statement_routes.load_statement_routes() == {}

    statement_routes.send_statement_routes()

    assert len(statement_routes.load_statement_routes()) == 1


def test_the_number_of_pairs_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statement_routes, "MAX_PAIRS", 2)
    for at in range(9):
        finish_request(f"GET /{at}/")

    assert len(statement_routes._pairs) == 2


def test_a_failed_transfer_is_tried_again(unavailable_server: None) -> None:
    finish_request("GET /novels/")
    statement_routes.send_statement_routes()
    with pytest.raises(RedisUnavailable):
        statement_routes.load_statement_routes()

    cache_store().client.breaker.record_success()
    statement_routes.send_statement_routes()

    assert len(statement_routes.load_statement_routes()) == 1


@pytest.mark.django_db
def test_without_the_cache_server_the_page_says_so(site: Client, unavailable_server: None) -> None:
    page = site.get(url("queries"))

    assert page.status_code == 200
    assert "The routes of the statements are unknown: the cache server does not respond" in text_of(
        page
    )
