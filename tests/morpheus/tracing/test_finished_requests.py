"""Every request is published once; computations without a request are not."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from types import FunctionType, ModuleType
from typing import Any

import pytest
from django.core.files import File
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpRequest
from pytest_django import Settings
from rest_framework.request import Request
from rest_framework.test import APIClient

from morpheus.cache import shadow_verification
from morpheus.tracing.events import on_requests_finished
from novels.models import Novel
from tests.visitor import Visitor


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    answers: list[Any] = []
    monkeypatch.setattr("morpheus.tracing.events.on_requests_finished", [answers.extend])
    return answers


@pytest.fixture
def novel(make_novels: Callable[..., list[Any]]) -> Novel:
    novel: Novel = make_novels()[0]
    return novel


def find_referents(root: object) -> Iterator[object]:
    """Yield all objects that an object holds, but for modules and classes, which hold all."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        each = waiting.pop()
        if id(each) not in seen and not isinstance(each, ModuleType | type):
            seen.add(id(each))
            if isinstance(each, FunctionType):
                waiting += each.__closure__ or ()  # And not the names of its module.
            else:
                waiting += gc.get_referents(each)
            yield each


@pytest.mark.django_db
def test_a_finished_request_has_route_status_and_user(
    told: list[Any], as_user: Callable[..., APIClient], make_user: Callable[..., Any], novel: Novel
) -> None:
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
def test_it_tells_what_the_request_asked_the_database(
    told: list[Any], api: APIClient, novel: Novel
) -> None:
    answer = api.get(f"/api/v1/novels/{novel.pk}/")

    trace = told[0].trace
    assert f'desc="{trace.queries} queries"' in answer["Server-Timing"]
    assert len(trace.statements) == trace.queries > 0
    assert told[0].seconds >= trace.seconds > 0


@pytest.mark.django_db(transaction=True)
def test_it_tells_what_was_asked_of_the_cache(
    told: list[Any], api: APIClient, make_novels: Callable[..., list[Any]]
) -> None:
    first, second = make_novels(2)
    for url in (f"/api/v1/novels/{first.pk}/", "/api/v1/novels/"):
        api.get(url)

    cards = [request for request in told[1].trace.lookups if request.policy == "novels.card"]

    assert {request.outcome: [*request.identities] for request in cards} == {
        "hit": [first.pk],
        "miss": [second.pk],
    }
    assert cards[0].tags(first.pk) == [f"novel:{first.pk}"]


@pytest.mark.django_db
def test_it_holds_neither_the_request_nor_its_body(
    told: list[Any], as_user: Callable[..., APIClient], make_user: Callable[..., Any]
) -> None:
    client = as_user(make_user("reader"))

    body = {"title": "Moby Dick", "file": SimpleUploadedFile("moby.txt", b"Call me Ishmael.")}
    client.post("/api/v1/novels/", body)

    held = [each for each in find_referents(told) if isinstance(each, HttpRequest | Request | File)]
    assert len(told) == 1
    assert held == []


@pytest.mark.django_db(transaction=True)
def test_a_hit_of_the_response_cache_is_published_with_its_route(
    told: list[Any], visitor: Visitor, novel: Novel
) -> None:
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
def test_a_shadow_verification_is_no_request(
    told: list[Any],
    visitor: Visitor,
    novel: Novel,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    statements: list[Any] = []
    checked = threading.Event()
    monkeypatch.setattr("morpheus.tracing.events.on_statement_executed", [statements.append])
    verify = shadow_verification.verify

    def verify_and_tell(hits: Any) -> Any:
        counts = verify(hits)
        checked.set()
        return counts

    monkeypatch.setattr(shadow_verification, "verify", verify_and_tell)
    url = f"/api/v1/novels/{novel.pk}/"
    visitor.get(url)
    settings.MORPHEUS_CACHE_SHADOW_PERCENT = 100
    visitor.get(url)

    assert checked.wait(10)
    assert len(told) == 2
    assert statements  # They belong to the thread.


@pytest.mark.django_db
def test_a_failing_subscriber_disturbs_no_other(
    told: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    api: APIClient,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(answer: object) -> None:
        raise RuntimeError("a fault of an observer")

    monkeypatch.setattr("morpheus.tracing.events.on_requests_finished", [fail, told.extend])

    assert api.get("/api/v1/novels/").status_code == 200
    assert len(told) == 1
    assert "A subscriber failed" in caplog.text


def test_the_monitor_observes_this_process() -> None:
    from perf.monitoring.queries.monitor import record_requests

    assert record_requests in on_requests_finished
