"""Exports finished requests as OpenTelemetry spans, each with a child span for each statement.

Imported only if `OTEL_EXPORTER_OTLP_ENDPOINT` is set. It takes records of finished requests in the
thread that observes them, so it wraps no request. The SDK reads its other variables itself.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from functools import cache
from multiprocessing.util import Finalize

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    set_span_in_context,
)

from morpheus.tracing.request_trace import FinishedRequest, Statement
from morpheus.tracing.routes import TraceParent
from perf.monitoring.sql_text import normalize


def export_requests(requests: Sequence[FinishedRequest]) -> None:
    """Export requests that their caller, or the sampler, records."""
    for request in requests:
        _export(request, tracer())


@cache
def tracer() -> Tracer:
    """Return the tracer of this process, whose thread sends spans in batches."""
    # Not at the import, because a parent process imports this too.
    os.environ.setdefault("OTEL_SERVICE_NAME", "morpheus")
    return make_tracer(BatchSpanProcessor(OTLPSpanExporter()))


def make_tracer(processor: SpanProcessor) -> Tracer:
    """Return a tracer whose spans go to a processor, the last ones when the process ends."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    # After the queues of `morpheus.tracing.background`, also where `atexit` is skipped.
    Finalize(None, provider.shutdown, exitpriority=-1)
    return provider.get_tracer("morpheus")


def _export(request: FinishedRequest, tracer: Tracer) -> None:
    context = _context_of(request.parent)
    span = tracer.start_span(
        request.route,
        context=context,
        kind=SpanKind.SERVER,
        start_time=_nanoseconds(request.at - request.seconds),
    )
    if not span.is_recording():
        return
    method, _, route = request.route.partition(" ")
    span.set_attributes(
        {
            "http.request.method": method,
            "http.route": route,
            "http.response.status_code": request.status,
            "morpheus.request_id": request.request_id,
            "morpheus.response_cache": "miss" if request.trace else request.lookup,
        }
    )
    if request.status >= 500:
        span.set_status(Status(StatusCode.ERROR))
    for statement in request.trace.statements if request.trace else ():
        _export_statement(statement, tracer, set_span_in_context(span, Context()))
    span.end(_nanoseconds(request.at))


def _export_statement(statement: Statement, tracer: Tracer, context: Context) -> None:
    normalized = normalize(statement)
    # Statements have the time of `perf_counter`.
    started = time.time() - time.perf_counter() + statement.started
    child = tracer.start_span(
        f"{normalized.kind} {statement.alias}",
        context=context,
        kind=SpanKind.CLIENT,
        start_time=_nanoseconds(started),
        attributes={
            "db.system.name": "postgresql",
            "db.query.text": normalized.text,
            "morpheus.fingerprint": normalized.fingerprint,
        },
    )
    if statement.rows is not None:
        child.set_attribute("db.response.returned_rows", statement.rows)
    if statement.is_failed:
        child.set_status(Status(StatusCode.ERROR))
    child.end(_nanoseconds(started + statement.seconds))


def _context_of(parent: TraceParent | None) -> Context:
    if parent is None:
        return Context()
    flags = TraceFlags.SAMPLED if parent.is_sampled else TraceFlags.DEFAULT
    span = SpanContext(
        int(parent.trace_id, 16),
        int(parent.span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(flags),
    )
    return set_span_in_context(NonRecordingSpan(span), Context())


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
