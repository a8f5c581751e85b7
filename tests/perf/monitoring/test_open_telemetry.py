"""Finished requests as OpenTelemetry spans, in an exporter that keeps them in memory."""

from __future__ import annotations

import time
from typing import Any

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from morpheus.tracing.events import on_requests_finished
from morpheus.tracing.request_trace import FinishedRequest
from perf.monitoring import open_telemetry
from tests.visitor import Visitor

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    tracer = open_telemetry.make_tracer(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(open_telemetry, "tracer", lambda: tracer)
    monkeypatch.setattr(
        "morpheus.tracing.events.on_requests_finished",
        [*on_requests_finished, open_telemetry.export_requests],
    )
    return exporter


@pytest.mark.django_db(transaction=True)
def test_a_request_is_a_span_with_a_child_for_each_statement(
    visitor: Visitor, make_novels: Any, spans: InMemorySpanExporter
) -> None:
    make_novels(1, title="Secret title")
    before = time.time_ns()

    response = visitor.get("/api/v1/novels/", HTTP_TRACEPARENT=f"00-{TRACE}-{SPAN}-01")

    *statements, request = spans.get_finished_spans()
    assert (request.name, request.kind) == ("GET /novels/", SpanKind.SERVER)
    assert request.parent is not None
    assert f"{request.parent.trace_id:032x} {request.parent.span_id:016x}" == f"{TRACE} {SPAN}"
    assert request.attributes == {
        "http.request.method": "GET",
        "http.route": "/novels/",
        "http.response.status_code": 200,
        "morpheus.request_id": response.headers["X-Request-ID"],
        "morpheus.response_cache": "miss",
    }
    assert len(statements) == len(response.queries) > 0
    for child in statements:
        assert child.parent is not None and child.parent.span_id == request.context.span_id
        assert child.attributes is not None
        assert "SELECT" in str(child.attributes["db.query.text"])
        times = (child.start_time, child.end_time, request.start_time, request.end_time)
        start, end, first, last = [each or 0 for each in times]
        # Two clocks, of which one was read later.
        tolerance = 5_000_000
        assert before - tolerance < first <= start + tolerance < end + 2 * tolerance
        assert end <= last + tolerance


@pytest.mark.django_db(transaction=True)
def test_a_hit_of_the_response_cache_is_a_span_of_its_own_trace(
    visitor: Visitor, make_novels: Any, spans: InMemorySpanExporter
) -> None:
    make_novels(1)
    visitor.get("/api/v1/novels/")
    spans.clear()

    visitor.get("/api/v1/novels/", HTTP_TRACEPARENT=f"00-{TRACE}-{SPAN}-01")
    visitor.get("/api/v1/novels/")

    first, second = spans.get_finished_spans()
    assert first.attributes is not None
    assert first.attributes["morpheus.response_cache"] == "hit"
    assert f"{first.context.trace_id:032x}" == TRACE
    assert second.parent is None and second.context.trace_id != first.context.trace_id


def test_a_request_that_its_caller_does_not_record_is_no_span(spans: InMemorySpanExporter) -> None:
    request = FinishedRequest("GET /novels/", 200, 0.1, "id", traceparent=f"00-{TRACE}-{SPAN}-00")

    open_telemetry.export_requests([request])

    assert spans.get_finished_spans() == ()


@pytest.mark.parametrize(("status", "code"), [(404, StatusCode.UNSET), (503, StatusCode.ERROR)])
def test_faults_of_the_server_are_errors(
    spans: InMemorySpanExporter, status: int, code: StatusCode
) -> None:
    open_telemetry.export_requests([FinishedRequest("GET /novels/", status, 0.1, "id")])

    [span] = spans.get_finished_spans()
    assert span.status.status_code == code
