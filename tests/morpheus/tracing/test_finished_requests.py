"""Every request is published once; computations without a request are not."""

from __future__ import annotations

import threading

import pytest

from morpheus.cache import shadow_verification
from morpheus.tracing import on_request_finished


@pytest.fixture
def told(monkeypatch):
    answers = []
    monkeypatch.setattr("morpheus.tracing.events.on_request_finished", [answers.append])
    return answers


@pytest.fixture
def novel(make_novels):
    return make_novels()[0]


@pytest.mark.django_db
def test_a_finished_request_has_route_status_and_user(told, as_user, make_user, novel):
    reader = make_user("reader")
    client = as_user(reader)

    client.get(f"/api/v1/novels/{novel.pk}/")
    client.get("/api/v1/novels/0/")
    client.get("/nowhere/")

    seen = [(request.route, request.status, request.user_id) for request in told]
    assert seen == [
        ("GET /novels/{novel_id}/", 200, reader.pk),
        ("GET /novels/{novel_id}/", 404, reader.pk),
        ("GET unmatched", 404, None),
    ]


@pytest.mark.django_db
def test_it_tells_what_the_request_asked_the_database(told, api, novel):
    answer = api.get(f"/api/v1/novels/{novel.pk}/")

    trace = told[0].trace
    assert f'desc="{trace.queries} queries"' in answer["Server-Timing"]
    assert len(trace.statements) == trace.queries > 0
    assert told[0].seconds >= trace.seconds > 0


@pytest.mark.django_db(transaction=True)
def test_it_tells_what_was_asked_of_the_cache(told, api, make_novels):
    first, second = make_novels(2)
    for url in (f"/api/v1/novels/{first.pk}/", "/api/v1/novels/"):
        api.get(url)

    cards = [request for request in told[1].trace.lookups if request.policy == "novels.card"]

    assert {request.outcome: [*request.identities] for request in cards} == {
        "hit": [first.pk],
        "miss": [second.pk],
    }
    assert cards[0].tags(first.pk) == [f"novel:{first.pk}"]


@pytest.mark.django_db(transaction=True)
def test_a_hit_of_the_response_cache_is_published_with_its_route(told, visitor, novel):
    url = f"/api/v1/novels/{novel.pk}/"
    etag = visitor.get(url).headers["ETag"]
    visitor.get(url)
    visitor.get(url, HTTP_IF_NONE_MATCH=etag)

    assert [(request.route, request.status) for request in told] == [
        ("GET /novels/{novel_id}/", 200),
        ("GET /novels/{novel_id}/", 200),
        ("GET /novels/{novel_id}/", 304),
    ]
    assert [request.trace is None for request in told] == [False, True, True]


@pytest.mark.django_db(transaction=True)
def test_a_shadow_verification_is_no_request(told, visitor, novel, settings, monkeypatch):
    statements, checked = [], threading.Event()
    monkeypatch.setattr("morpheus.tracing.events.on_statement_executed", [statements.append])
    monkeypatch.setattr(shadow_verification.metrics, "count_verified", lambda *of: checked.set())
    url = f"/api/v1/novels/{novel.pk}/"
    visitor.get(url)
    settings.MORPHEUS_CACHE_SHADOW_PERCENT = 100
    visitor.get(url)

    assert checked.wait(10)
    assert len(told) == 2
    assert statements  # They belong to the thread.


@pytest.mark.django_db
def test_a_failing_subscriber_disturbs_no_other(told, monkeypatch, api, caplog):
    def fail(answer):
        raise RuntimeError("a fault of an observer")

    monkeypatch.setattr("morpheus.tracing.events.on_request_finished", [fail, told.append])

    assert api.get("/api/v1/novels/").status_code == 200
    assert len(told) == 1
    assert "A subscriber failed" in caplog.text


def test_the_monitor_observes_this_process():
    from perf.monitoring.queries.monitor import record_request

    assert record_request in on_request_finished
