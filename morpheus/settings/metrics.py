"""What is measured, for `/metrics` and for who asks what one request did."""

from __future__ import annotations

from .environment import env

__all__ = ["MORPHEUS_EXPLAIN_PERCENT", "PROMETHEUS_LATENCY_BUCKETS"]

# Seconds: fine below our budgets, exact at the limits that were promised. django-prometheus' own
# begin at 10 ms.
PROMETHEUS_LATENCY_BUCKETS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.3, 0.5, 1.0, 2.0),
    float("inf"),
)

# Of a hundred requests that nobody asks about, how many are explained to staff nevertheless.
MORPHEUS_EXPLAIN_PERCENT = env.number(
    "MORPHEUS_EXPLAIN_PERCENT", default=1.0, at_least=0, at_most=100
)
