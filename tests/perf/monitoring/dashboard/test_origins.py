"""Which routes ask which statements: kept in the cache server, for all processes."""

from __future__ import annotations

import pytest

from morpheus.cache.redis_client import RedisUnavailable
from morpheus.cache.store import cache_store
from morpheus.tracing import FinishedRequest, RequestTrace, Statement
from perf.monitoring.queries import origins
from perf.monitoring.sql_text import normalize_statement
from tests.perf.monitoring.dashboard.conftest import text_of, url

SQL = "SELECT id FROM novels_novel WHERE id = %s"


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch):
    """Let this process have seen nothing, as when it has just begun."""
    monkeypatch.setattr(origins, "_pairs", set())
    monkeypatch.setattr(origins, "_told", set())
    monkeypatch.setattr(origins, "_told_at", float("-inf"))


def answered(route: str, sql: str = SQL) -> None:
    trace = RequestTrace(statements=[Statement("default", sql, [1], 0.001, 1)], queries=1)
    origins.note_origins(
        FinishedRequest(
            route=route, status=200, seconds=0.01, trace=trace, request=None, request_id="test"
        )
    )


@pytest.fixture
def away(monkeypatch):
    """Let the cache server count as away."""
    breaker = cache_store().client.breaker
    monkeypatch.setattr(breaker, "cool_down_s", 600)
    breaker.record_failure()
    yield
    breaker.record_success()


def test_a_statement_has_all_the_routes_that_ask_it():
    answered("GET /novels/{novel_id}/")
    answered("GET /novels/")
    answered("GET /novels/")
    assert origins.origins() == {}

    origins.tell_origins()

    fingerprint = normalize_statement("SELECT id FROM novels_novel WHERE id = $1").fingerprint
    assert origins.origins() == {fingerprint: ["GET /novels/", "GET /novels/{novel_id}/"]}


def test_what_the_server_has_lost_is_told_again_in_time(monkeypatch):
    answered("GET /novels/")
    origins.tell_origins()
    cache_store().client.run(lambda prefix: [("DEL", f"{prefix}origins")])

    origins.tell_origins()
    assert origins.origins() == {}

    monkeypatch.setattr(origins, "_AGAIN_S", 0.0)
    origins.tell_origins()
    assert len(origins.origins()) == 1


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(origins, "_PAIRS_MAX", 2)
    for at in range(9):
        answered(f"GET /{at}/")

    assert len(origins._pairs) == 2


def test_without_the_server_it_is_tried_again(away):
    answered("GET /novels/")
    origins.tell_origins()
    with pytest.raises(RedisUnavailable):
        origins.origins()

    cache_store().client.breaker.record_success()
    origins.tell_origins()

    assert len(origins.origins()) == 1


@pytest.mark.django_db
def test_the_page_without_the_server_says_what_is_missing(site, away):
    page = site.get(url("queries"))

    assert page.status_code == 200
    assert "Which routes ask is not known: the cache server does not answer" in text_of(page)
