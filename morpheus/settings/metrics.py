"""What is measured, for `/metrics`."""

from __future__ import annotations

__all__ = ["PROMETHEUS_LATENCY_BUCKETS"]

# Seconds: fine below our budgets, exact at the limits that were promised. django-prometheus' own
# begin at 10 ms.
PROMETHEUS_LATENCY_BUCKETS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.3, 0.5, 1.0, 2.0),
    float("inf"),
)
