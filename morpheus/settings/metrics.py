"""Metrics, request traces and slow queries."""

from __future__ import annotations

from . import environment as env

# Seconds: fine below our budgets, exact at the limits that were promised. django-prometheus' own
# begin at 10 ms.
PROMETHEUS_LATENCY_BUCKETS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.3, 0.5, 1.0, 2.0),
    float("inf"),
)

# Where finished requests are sent as OpenTelemetry spans; empty: nowhere. The SDK reads this and
# further variables itself.
OTEL_EXPORTER_OTLP_ENDPOINT = env.address(
    "OTEL_EXPORTER_OTLP_ENDPOINT", module="opentelemetry", group="otel"
)

# Share of the requests whose trace is stored for staff without `X-Explain: 1`.
MORPHEUS_EXPLAIN_PERCENT = env.number(
    "MORPHEUS_EXPLAIN_PERCENT", default=1.0, at_least=0, at_most=100
)

# Duration from which a statement is recorded as slow; 0: the value in perf/budgets.toml.
MORPHEUS_SLOW_QUERY_MS = env.number("MORPHEUS_SLOW_QUERY_MS", default=0.0, at_least=0)
