"""Logs go to standard error, one line per event, with the request's id, without personal data."""

from __future__ import annotations

from typing import Any

from . import environment as env

_level = env.choice(
    "MORPHEUS_LOG_LEVEL",
    default="WARNING",
    choices=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
)
# JSON for log collectors, lines for people.
_format = env.choice("MORPHEUS_LOG_FORMAT", default="JSON", choices=("JSON", "LINE")).lower()
# One line per request (morpheus.http.log_format); its cost is in docs/monitoring.md.
_requests = env.flag("MORPHEUS_LOG_REQUESTS", default=True)

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "request": {"()": "morpheus.http.log_format.RequestFilter"},
        "duplicate_error": {"()": "morpheus.http.log_format.DuplicateErrorFilter"},
        "mail_rate": {"()": "perf.monitoring.slow_queries.mail.RateLimitFilter", "interval_s": 600},
    },
    "formatters": {
        "line": {"()": "morpheus.http.log_format.LineFormatter"},
        "json": {"()": "morpheus.http.log_format.JSONFormatter"},
    },
    "handlers": {
        "stderr": {
            "class": "morpheus.http.log_stream.LineHandler",
            "formatter": _format,
            "filters": ["request"],
        },
        # Does nothing without ADMINS.
        "mail_admins": {
            "class": "django.utils.log.AdminEmailHandler",
            "formatter": "line",
            "filters": ["request", "mail_rate"],
            "reporter_class": "perf.monitoring.slow_queries.mail.HintReporter",
        },
    },
    "loggers": {
        # Django's own handler would mail the content of a failed request to ADMINS.
        "django": {"handlers": [], "level": "INFO"},
        # Not the 4xx, with which strangers could fill the log.
        "django.request": {"level": "ERROR", "filters": ["duplicate_error"]},
        "django.security": {"level": "CRITICAL"},
        "perf.monitoring.slow_queries": {"handlers": ["mail_admins"]},
        "morpheus.requests": {"level": "INFO" if _requests else "WARNING"},
        "morpheus.worker.housekeeping": {"level": "INFO"},
    },
    "root": {"handlers": ["stderr"], "level": _level},
}

# Errors are sent to Sentry as well, at most ten in a second from each process.
if _sentry := env.address("SENTRY_DSN", module="sentry_sdk", group="sentry"):
    LOGGING["filters"]["sentry_rate"] = {
        "()": "perf.monitoring.slow_queries.mail.RateLimitFilter",
        "interval_s": 0.1,
    }
    LOGGING["handlers"]["sentry"] = {
        "class": "perf.monitoring.sentry.ErrorHandler",
        "level": "ERROR",
        "filters": ["request", "sentry_rate"],
        "dsn": _sentry,
    }
    LOGGING["root"]["handlers"].append("sentry")
