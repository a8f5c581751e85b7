"""What is measured and explained, and who is told of slow statements."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from . import environment as env

# Seconds: fine below our budgets, exact at the limits that were promised. django-prometheus' own
# begin at 10 ms.
PROMETHEUS_LATENCY_BUCKETS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.3, 0.5, 1.0, 2.0),
    float("inf"),
)

# Share of the requests whose trace is stored for staff without `X-Explain: 1`.
MORPHEUS_EXPLAIN_PERCENT = env.number(
    "MORPHEUS_EXPLAIN_PERCENT", default=1.0, at_least=0, at_most=100
)

# Duration from which a statement is recorded as slow; 0: the value in perf/budgets.toml.
MORPHEUS_SLOW_QUERY_MS = env.number("MORPHEUS_SLOW_QUERY_MS", default=0.0, at_least=0)

# For installations without Prometheus: nobody is told unless these say whom.
SLOW_QUERY_WEBHOOK_URL = env.text("SLOW_QUERY_WEBHOOK_URL")
if SLOW_QUERY_WEBHOOK_URL and urlsplit(SLOW_QUERY_WEBHOOK_URL).scheme not in ("http", "https"):
    # There may be a secret in it.
    raise ImproperlyConfigured("SLOW_QUERY_WEBHOOK_URL must begin with http:// or https://.")
ADMINS = [(address, address) for address in env.items("ADMINS", default=[])]
# Of the same statement nobody is told more often.
SLOW_QUERY_ALERT_EVERY_S = env.number("SLOW_QUERY_ALERT_EVERY_S", default=3600, at_least=1)

EMAIL_HOST = env.text("EMAIL_HOST", default="localhost")
EMAIL_PORT = env.number("EMAIL_PORT", default=25, at_least=1)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS", default=False)
EMAIL_TIMEOUT = 5
SERVER_EMAIL = env.text("SERVER_EMAIL", default="morpheus@localhost")
