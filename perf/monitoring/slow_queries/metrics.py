"""What is counted of slow statements, for `/metrics`."""

from __future__ import annotations

from prometheus_client import Counter

slow_queries = Counter(
    "morpheus_db_slow_queries_total",
    "Statements slower than the limit for all (`slow_ms`), by route.",
    ["route"],
)
breaches = Counter(
    "morpheus_db_breaches_total",
    "Statements slower than their kind may be (`kinds_ms`), by route and kind.",
    ["route", "kind"],
)
dropped = Counter(
    "morpheus_db_slow_queries_dropped_total",
    "Slow statements of which no row was written: too many at once, or the database was away.",
)
alerts = Counter(
    "morpheus_db_slow_query_alerts_total",
    "E-mails and webhook calls about slow statements, by channel and outcome: sent, failed, "
    "dropped (too many waited).",
    ["channel", "outcome"],
)
