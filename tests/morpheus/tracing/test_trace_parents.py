"""W3C `traceparent`: taken from a request, and passed to its log, its problems and PostgreSQL."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from morpheus.db.transactions import write_transaction
from morpheus.serving.request_bulkheads import RequestBulkheads
from morpheus.tracing.routes import TraceParent, parse_traceparent, read_traceparent
from morpheus.urls import urlpatterns as ours
from tests.morpheus.http.test_log_format import logged_as
from tests.visitor import Visitor

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
SAMPLED = f"00-{TRACE}-{SPAN}-01"
NAME = "SELECT current_setting('application_name')"


def read_name() -> str:
    """Return the name that PostgreSQL shows for the statement."""
    with connection.cursor() as cursor:
        return str(cursor.execute(NAME).fetchone()[0])


def show_names(request: HttpRequest) -> HttpResponse:
    outside = read_name()
    with write_transaction():
        inside = read_name()
    return HttpResponse(f"{outside},{inside}")


def fail(request: HttpRequest) -> HttpResponse:
    logging.getLogger("morpheus").error("It failed.")
    raise RuntimeError


urlpatterns = [path("names/", show_names), path("fail/", fail), path("", include(ours))]
handler500 = "morpheus.http.errors.server_error"


@pytest.mark.parametrize(
    ("header", "is_sampled"),
    [
        (SAMPLED, True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-03", True),
        (f"01-{TRACE}-{SPAN}-01-of-a-later-version", True),
    ],
)
def test_a_valid_header_is_taken(header: str, is_sampled: bool) -> None:
    environ = {"HTTP_TRACEPARENT": header}

    assert parse_traceparent(read_traceparent(environ)) == TraceParent(TRACE, SPAN, is_sampled)


@pytest.mark.parametrize(
    "header",
    [
        *("", "00", TRACE, f"{TRACE}-{SPAN}", SAMPLED[:-1], SAMPLED.upper()),
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{SPAN}-01",
        # Version 00 has four parts.
        f"{SAMPLED}-more",
        f"{SAMPLED}\n",
        f" {SAMPLED}",
        # WSGI joins two headers.
        f"{SAMPLED},{SAMPLED}",
        f"01-{TRACE}-{SPAN}-01,01-{TRACE}-{SPAN}-01",
    ],
)
def test_a_malformed_header_is_ignored(header: str) -> None:
    assert parse_traceparent(read_traceparent({"HTTP_TRACEPARENT": header})) is None


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("form", ["json", "line"])
def test_all_lines_of_a_request_have_its_trace(client: Any, form: str) -> None:
    client.raise_request_exception = False
    with logged_as(form) as log:
        client.get("/fail/", headers={"traceparent": SAMPLED})
        client.get("/healthz")

    with_trace = [line for line in log.getvalue().splitlines() if TRACE in line]
    if form == "json":
        assert {json.loads(line)["trace_id"] for line in with_trace} == {TRACE}
    else:
        assert all(f" trace_id={TRACE}" in line for line in with_trace)
    # Our error, Django's, and the request.
    assert len(with_trace) == 3
    assert all(SPAN not in line for line in with_trace)


@pytest.mark.django_db
@pytest.mark.usefixtures("one_request_id")
def test_a_problem_has_the_trace_of_its_caller(client: Any) -> None:
    url = "/api/v1/novels/1/"

    body = client.get(url, headers={"traceparent": SAMPLED}).json()

    assert body == client.get(url).json() | {"trace_id": TRACE}
    assert "trace_id" not in client.get(url, headers={"traceparent": "malformed"}).json()
    # Outside of the API's views.
    missing = client.get("/nowhere", headers={"traceparent": SAMPLED})
    assert missing.json()["trace_id"] == TRACE


def test_a_refusal_before_django_has_the_trace_of_its_caller() -> None:
    bulkheads = RequestBulkheads(threads=1)
    environ = {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": "x", "REMOTE_ADDR": "192.0.2.1"}
    environ["HTTP_TRACEPARENT"] = SAMPLED
    refused: list[Any] = []

    def handle() -> list[bytes]:
        # The only thread is taken.
        refused.extend(bulkheads.run(environ, lambda *_: None, lambda: [b""]))
        return [b""]

    bulkheads.run(environ, lambda *_: None, handle)

    assert json.loads(refused[0])["trace_id"] == TRACE


@pytest.mark.django_db(transaction=True)
def test_a_hit_of_the_response_cache_has_its_own_trace_and_id(
    visitor: Visitor, make_novels: Any
) -> None:
    make_novels(1)
    url, traces = "/api/v1/novels/", [f"{number:032x}" for number in (1, 2, 3)]

    with logged_as("json") as log:
        responses = [visitor.get(url, HTTP_TRACEPARENT=f"00-{trace}-{SPAN}-01") for trace in traces]

    assert [response.was_cached for response in responses] == [False, True, True]
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    logged = [(line["trace_id"], line["request_id"]) for line in lines if "route" in line]
    ids = [response.headers["X-Request-ID"] for response in responses]
    assert logged == [*zip(traces, ids, strict=True)]
    assert len({*ids}) == 3
    assert len({response.body for response in responses}) == 1


@pytest.mark.redundant_queries("the same statement in and outside of a transaction")
@pytest.mark.urls(__name__)
@pytest.mark.django_db(transaction=True)
def test_postgresql_shows_a_sampled_trace_for_its_statements_alone(client: Any) -> None:
    outside = read_name()

    sampled = client.get("/names/", headers={"traceparent": SAMPLED})
    unsampled = client.get("/names/", headers={"traceparent": f"00-{TRACE}-{SPAN}-00"})

    assert sampled.content.decode() == f"morpheus {TRACE},morpheus {TRACE}"
    assert unsampled.content.decode() == f"{outside},{outside}"
    assert read_name() == outside


@pytest.mark.django_db(transaction=True)
def test_different_traces_share_prepared_statements(
    visitor: Visitor, make_novels: Any, settings: Any
) -> None:
    settings.MORPHEUS_CACHE = False
    make_novels(1)

    def count_prepared() -> int:
        with connection.cursor() as cursor:
            return len(cursor.execute("SELECT FROM pg_prepared_statements").fetchall())

    numbers = []
    for round_ in range(3):
        for number in range(10):
            trace = f"{round_ * 10 + number + 1:032x}"
            response = visitor.get("/api/v1/novels/", HTTP_TRACEPARENT=f"00-{trace}-{SPAN}-01")
            assert response.status == 200
        numbers.append(count_prepared())

    assert numbers[0] > 0
    assert numbers == [numbers[0]] * 3
