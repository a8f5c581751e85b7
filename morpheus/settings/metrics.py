"""What is measured and explained, and who is told of slow statements."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from .environment import env

__all__ = [
    "ADMINS",
    "EMAIL_HOST",
    "EMAIL_HOST_PASSWORD",
    "EMAIL_HOST_USER",
    "EMAIL_PORT",
    "EMAIL_TIMEOUT",
    "EMAIL_USE_TLS",
    "MORPHEUS_EXPLAIN_PERCENT",
    "MORPHEUS_SLOW_QUERY_MS",
    "PROMETHEUS_LATENCY_BUCKETS",
    "SERVER_EMAIL",
    "SLOW_QUERY_ALERT_EVERY_S",
    "SLOW_QUERY_WEBHOOK_URL",
]

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

# From here on a statement is recorded as slow; 0: as perf/budgets.toml says.
MORPHEUS_SLOW_QUERY_MS = env.number("MORPHEUS_SLOW_QUERY_MS", default=0.0, at_least=0)

# For installations without Prometheus: nobody is told unless these say whom.
SLOW_QUERY_WEBHOOK_URL = env.str("SLOW_QUERY_WEBHOOK_URL", default="")
if SLOW_QUERY_WEBHOOK_URL and urlsplit(SLOW_QUERY_WEBHOOK_URL).scheme not in ("http", "https"):
    # There may be a secret in it.
    raise ImproperlyConfigured("SLOW_QUERY_WEBHOOK_URL must begin with http:// or https://.")
ADMINS = [(address, address) for address in env.list("ADMINS", default=[])]
# Of the same statement nobody is told more often.
SLOW_QUERY_ALERT_EVERY_S = env.number("SLOW_QUERY_ALERT_EVERY_S", default=3600, at_least=1)

EMAIL_HOST = env.str("EMAIL_HOST", default="localhost")
EMAIL_PORT = env.number("EMAIL_PORT", default=25, at_least=1)
EMAIL_HOST_USER = env.str("EMAIL_HOST_USER", default="")
EMAIL_HOST_PASSWORD = env.str("EMAIL_HOST_PASSWORD", default="")
EMAIL_USE_TLS = env.bool("EMAIL_USE_TLS", default=False)
EMAIL_TIMEOUT = 5
SERVER_EMAIL = env.str("SERVER_EMAIL", default="morpheus@localhost")
