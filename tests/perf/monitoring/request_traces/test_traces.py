"""Staff read the traces of requests; other callers cannot, and no trace holds a value."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from morpheus.tracing.request_trace import FinishedRequest
from perf.monitoring.budgets import budgets
from perf.monitoring.request_traces import sampling
from tests.conftest import PASSWORD
from tests.factories import secret_of
from tests.visitor import Visitor
from users.authentication import token_digest

URL = "/api/v1/perf/requests/"

# Within a transaction nothing is cached.
cached = pytest.mark.django_db(transaction=True)


@pytest.fixture
def staff(make_user: Callable[..., Any], as_user: Callable[..., APIClient]) -> APIClient:
    return as_user(make_user("staff", is_staff=True))


@pytest.fixture
def trace(staff: APIClient) -> Callable[..., Any]:
    """Send a request as staff with `X-Explain: 1`, and return its trace."""

    def send(method: str, url: str, **options: Any) -> Any:
        response = getattr(staff, method)(url, headers={"X-Explain": "1"}, **options)
        stored = staff.get(f"{URL}{response['X-Request-ID']}/")
        assert stored.status_code == 200, stored.content
        return stored.json()

    return send


def list_traces(staff: APIClient) -> Any:
    return staff.get(URL).json()["results"]


def test_staff_can_trace_a_request(
    trace: Callable[..., Any], make_novels: Callable[..., list[Any]]
) -> None:
    [novel] = make_novels()

    document = trace("get", f"/api/v1/novels/{novel.pk}/")

    assert (document["route"], document["status"]) == ("GET /novels/{novel_id}/", 200)
    assert document["is_requested"] and not document["is_cached_response"]
    assert document["ms"] >= document["database_ms"] > 0
    card = next(item for item in document["statements"] if "novels_genre" in item["sql"])
    assert (card["kind"], card["rows"], card["alias"]) == ("join", 1, "default")
    assert card["budget_ms"] == 50
    names = {node["Relation Name"] for node in nodes(card["plan"]) if "Relation Name" in node}
    assert "novels_novel" in names


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


@cached
def test_a_trace_has_hits_and_misses_with_keys_and_tags(
    trace: Callable[..., Any], make_novels: Callable[..., list[Any]]
) -> None:
    [novel] = make_novels()
    url = f"/api/v1/novels/{novel.pk}/"

    cold, warm = trace("get", url)["cache"], trace("get", url)["cache"]

    [missed] = [
        item for item in cold if (item["policy"], item["outcome"]) == ("novels.card", "miss")
    ]
    assert (missed["keys"], missed["tags"]) == ([str(novel.pk)], [f"novel:{novel.pk}"])
    assert {item["outcome"] for item in warm} == {"hit"}
    assert "novels.card" in {item["policy"] for item in warm}


@cached
def test_a_trace_has_all_tags_of_the_response(
    trace: Callable[..., Any],
    make_novels: Callable[..., list[Any]],
    make_chapters: Callable[..., list[Any]],
) -> None:
    [novel] = make_novels()
    make_chapters(novel, "Once upon a time.")

    document = trace("get", f"/api/v1/novels/{novel.pk}/chapters/1/")

    assert {f"novel:{novel.pk}/access", f"chapters:{novel.pk}"} <= set(document["tags"])


@cached
def test_a_warm_request_is_held_to_the_warm_budget(
    trace: Callable[..., Any], make_novels: Callable[..., list[Any]]
) -> None:
    make_novels(3)

    trace("get", "/api/v1/novels/")
    warm = trace("get", "/api/v1/novels/")["budget"]

    assert (warm["queries"], warm["queries_budget"]) == (0, 0)
    assert warm["is_within_budget"] is True
    assert warm["violations"] == []


def test_budget_violations_are_sentences(
    trace: Callable[..., Any],
    make_novels: Callable[..., list[Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    [novel] = make_novels()
    route = "GET /novels/{novel_id}/"
    tight = replace(budgets().routes[route], queries_cold=0, p99_ms=0.0)
    monkeypatch.setitem(budgets().routes, route, tight)

    budget = trace("get", f"/api/v1/novels/{novel.pk}/")["budget"]

    assert budget["is_within_budget"] is False
    assert any("0 are allowed with a cold cache" in violation for violation in budget["violations"])
    assert any(
        "99 in 100 requests must take less than 0 ms" in violation
        for violation in budget["violations"]
    )


@cached
def test_a_write_has_its_plan(trace: Callable[..., Any]) -> None:
    document = trace("patch", "/api/v1/users/me/", data={"bio": "Reads."})

    [write] = [item for item in document["statements"] if item["sql"].startswith("UPDATE")]
    assert (write["kind"], write["rows"]) == ("write", 1)
    assert write["plan"]["Node Type"] == "ModifyTable"
    assert "commit" in {item["kind"] for item in document["statements"]}


def test_tracing_executes_no_statement_again(trace: Callable[..., Any], staff: APIClient) -> None:
    trace("patch", "/api/v1/users/me/", data={"bio": "First."})
    staff.patch("/api/v1/users/me/", {"bio": "Second."})

    assert staff.get("/api/v1/users/me/").json()["bio"] == "Second."


def test_a_trace_holds_no_value_of_the_request(
    trace: Callable[..., Any], make_novels: Callable[..., list[Any]]
) -> None:
    make_novels(1, author="Mysterious Stranger", title="Unheard-of Title")

    url = "/api/v1/search/?q=mysterious+OR+unheard-of"
    for document in (
        trace("get", url),
        trace("get", "/api/v1/novels/?author=Mysterious+Stranger"),
        trace("patch", "/api/v1/users/me/", data={"bio": "A mysterious gentleman."}),
    ):
        assert document["statements"]
        text = str(document).lower()
        for word in ("mysterious", "stranger", "unheard", "gentleman", "staff@example.org"):
            assert word not in text


@cached
def test_a_trace_holds_neither_token_nor_digest(
    trace: Callable[..., Any], staff: APIClient
) -> None:
    document = trace("get", "/api/v1/users/me/")

    secret = secret_of(staff)
    assert secret not in str(document)
    assert token_digest(secret).hex() not in str(document)
    [token] = [item for item in document["cache"] if item["policy"] == "users.token"]
    assert token["keys"][0].startswith("#")
    assert token["tags"][0].startswith("token:#")


@pytest.mark.django_db
def test_session_requests_are_traced_too(client: Client, make_user: Callable[..., Any]) -> None:
    make_user("clerk", is_staff=True)
    client.login(username="clerk@example.org", password=PASSWORD)

    client.get("/api/v1/users/me/", headers={"X-Explain": "1"})

    [kept] = client.get(URL).json()["results"]
    assert (kept["route"], kept["is_requested"]) == ("GET /users/me/", True)


def test_callers_without_staff_rights_get_no_trace(
    api: APIClient,
    as_user: Callable[..., APIClient],
    make_user: Callable[..., Any],
    staff: APIClient,
) -> None:
    reader = as_user(make_user("reader"))
    answers = [who.get("/api/v1/users/me/", headers={"X-Explain": "1"}) for who in (api, reader)]

    assert list_traces(staff) == []
    for answer in answers:
        for url in (URL, f"{URL}{answer['X-Request-ID']}/"):
            assert api.get(url).status_code == 401
            assert reader.get(url).status_code == 403


def test_an_unknown_id_is_not_found(staff: APIClient) -> None:
    for identifier in ("0" * 32, "nothing", "%00", "a" * 500):
        assert staff.get(f"{URL}{identifier}/").status_code == 404


def test_staff_see_sampled_requests_of_others(
    staff: APIClient,
    api: APIClient,
    make_novels: Callable[..., list[Any]],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sampling, "_sampled_at", float("-inf"))
    settings.MORPHEUS_EXPLAIN_PERCENT = 100
    api.get("/api/v1/novels/")
    settings.MORPHEUS_EXPLAIN_PERCENT = 0

    [kept] = list_traces(staff)

    assert (kept["route"], kept["user_id"], kept["is_requested"]) == ("GET /novels/", None, False)
    assert staff.get(f"{URL}{kept['id']}/").json()["statements"]


def test_ordinary_traffic_is_sampled_once_per_interval(
    staff: APIClient,
    api: APIClient,
    make_novels: Callable[..., list[Any]],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sampling, "_sampled_at", float("-inf"))
    monkeypatch.setattr(sampling, "SAMPLE_INTERVAL_S", 60)
    settings.MORPHEUS_EXPLAIN_PERCENT = 100
    for _ in range(5):
        api.get("/api/v1/novels/")
    settings.MORPHEUS_EXPLAIN_PERCENT = 0

    assert len(list_traces(staff)) == 1


def test_a_repeated_request_id_hides_no_trace(
    staff: APIClient, make_novels: Callable[..., list[Any]]
) -> None:
    [novel] = make_novels()
    chosen = {"X-Explain": "1", "X-Request-ID": "chosen-by-a-client"}
    staff.get(f"/api/v1/novels/{novel.pk}/", headers=chosen)
    staff.get("/api/v1/users/me/", headers=chosen)

    second, first = list_traces(staff)

    assert first["id"] != second["id"]
    by_request = staff.get(f"{URL}chosen-by-a-client/").json()
    assert (by_request["route"], by_request["others"]) == ("GET /users/me/", [first["id"]])
    assert staff.get(f"{URL}{first['id']}/").json()["route"] == "GET /novels/{novel_id}/"


def test_a_request_id_equal_to_a_trace_id_does_not_hide_that_trace(staff: APIClient) -> None:
    staff.get("/api/v1/users/me/", headers={"X-Explain": "1"})
    [kept] = list_traces(staff)

    hostile = {"X-Explain": "1", "X-Request-ID": kept["id"]}
    staff.get("/api/v1/novels/", headers=hostile)

    assert staff.get(f"{URL}{kept['id']}/").json()["route"] == "GET /users/me/"


def test_the_list_pages_to_its_end_and_back(staff: APIClient) -> None:
    for _ in range(5):
        staff.get("/api/v1/users/me/", headers={"X-Explain": "1"})

    first = staff.get(f"{URL}?page_size=2").json()
    second = staff.get(first["next"]).json()
    third = staff.get(second["next"]).json()

    pages = [first, second, third]
    ids = [item["id"] for page in pages for item in page["results"]]
    assert len({*ids}) == 5
    assert ids == [item["id"] for item in list_traces(staff)]
    assert third["next"] is None
    assert staff.get(third["previous"]).json()["results"] == second["results"]
    assert staff.get(f"{URL}?page_size=0").status_code == 400
    assert staff.get(f"{URL}?cursor=x").status_code == 400


def test_without_the_cache_server_only_reading_traces_fails(
    staff: APIClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from morpheus.cache.redis_client import CircuitBreaker, RedisClient
    from perf.monitoring.request_traces.storage import TraceStore

    server = RedisClient(
        "redis://127.0.0.1:1/0", timeout_s=0.1, breaker=CircuitBreaker(cool_down_s=60)
    )
    unreachable = TraceStore(server)
    monkeypatch.setattr("perf.monitoring.request_traces.sampling.trace_store", lambda: unreachable)
    monkeypatch.setattr("perf.monitoring.request_traces.views.trace_store", lambda: unreachable)

    answer = staff.get("/api/v1/users/me/", headers={"X-Explain": "1"})
    asked = staff.get(URL)

    assert answer.status_code == 200
    assert (asked.status_code, asked["Retry-After"]) == (503, "1")


def test_an_error_in_tracing_does_not_fail_the_request(
    staff: APIClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("perf.monitoring.request_traces.sampling.build_trace", fail)

    assert staff.get("/api/v1/users/me/", headers={"X-Explain": "1"}).status_code == 200
    assert list_traces(staff) == []
    assert "could not be traced" in caplog.text


@cached
def test_a_trace_marks_a_response_cache_hit(
    visitor: Visitor,
    make_novels: Callable[..., list[Any]],
    staff: APIClient,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    [novel] = make_novels()
    url = f"/api/v1/novels/{novel.pk}/"
    settings.MORPHEUS_EXPLAIN_PERCENT = 100
    for _ in range(2):
        monkeypatch.setattr(sampling, "_sampled_at", float("-inf"))
        visitor.get(url)
    settings.MORPHEUS_EXPLAIN_PERCENT = 0

    kept, made = list_traces(staff)

    assert (kept["is_cached_response"], made["is_cached_response"]) == (True, False)
    assert (kept["route"], kept["queries"]) == (made["route"], 0)


@cached
def test_only_staff_bypass_the_response_cache(
    visitor: Visitor, make_novels: Callable[..., list[Any]], staff: APIClient
) -> None:
    [novel] = make_novels()
    url = f"/api/v1/novels/{novel.pk}/"
    bearer = f"Bearer {secret_of(staff)}"
    visitor.get(url)

    assert visitor.get(url, HTTP_X_EXPLAIN="1").was_cached
    assert not visitor.get(url, HTTP_X_EXPLAIN="1", HTTP_AUTHORIZATION=bearer).was_cached
    [kept] = list_traces(staff)
    assert not kept["is_cached_response"]


def test_an_unsampled_request_is_not_enqueued(monkeypatch: pytest.MonkeyPatch) -> None:
    enqueued: list[Any] = []
    monkeypatch.setattr(sampling, "enqueue", lambda request, is_requested: enqueued.append(request))

    sampling.sample_requests([FinishedRequest("GET /x/", 200, 0.1, "an-id-of-it")])

    assert enqueued == []
