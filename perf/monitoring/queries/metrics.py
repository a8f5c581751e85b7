"""What the monitor measures, for `/metrics`."""

from __future__ import annotations

from django.conf import settings
from prometheus_client import Counter, Histogram

request_seconds = Histogram(
    "morpheus_http_request_seconds",
    "Time from a request to its answer, by route and status; the fast lane's among them.",
    ["route", "status"],
    buckets=settings.PROMETHEUS_LATENCY_BUCKETS,
)
request_queries = Histogram(
    "morpheus_http_request_queries",
    "Statements per request, by route.",
    ["route"],
    buckets=(0, 1, 2, 3, 5, 8, 13, 21, 50, 100, float("inf")),
)
query_seconds = Histogram(
    "morpheus_db_query_seconds",
    "Time of statements, by route (or command, or thread) and kind: simple, join, search, write, "
    "control, and commit.",
    ["route", "kind"],
    buckets=settings.PROMETHEUS_LATENCY_BUCKETS,
)
query_rows = Counter(
    "morpheus_db_query_rows_total", "Rows that statements returned or changed.", ["route", "kind"]
)
query_errors = Counter(
    "morpheus_db_query_errors_total",
    "Statements that failed, by route and kind.",
    ["route", "kind"],
)
wasted_queries = Counter(
    "morpheus_db_wasted_queries_total",
    "Statements of requests that were not needed, by route and kind: n_plus_one (one statement "
    "gets what a loop asked for), duplicate (asked before, and nothing was changed since).",
    ["route", "kind"],
)
