"""Logs go to standard error, one line per event, with the request's id and nobody's data."""

from __future__ import annotations

from .environment import env

__all__ = ["LOGGING"]

_level = env.choice(
    "LOG_LEVEL", default="WARNING", choices=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
)
# JSON for what collects logs, lines for people.
_format = env.choice("LOG_FORMAT", default="JSON", choices=("JSON", "LINE")).lower()
# One line per request (morpheus.http.request_log); its cost is in docs/monitoring.md.
_requests = env.bool("LOG_REQUESTS", default=True)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "request_id": {"()": "morpheus.http.log_format.RequestIDFilter"},
        "redact_path": {"()": "morpheus.http.log_format.PathRedactionFilter"},
        "duplicate_error": {"()": "morpheus.http.log_format.DuplicateErrorFilter"},
    },
    "formatters": {
        "line": {
            "()": "morpheus.http.log_format.LineFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s",
        },
        "json": {"()": "morpheus.http.log_format.JSONFormatter"},
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": _format,
            "filters": ["request_id", "redact_path"],
        }
    },
    "loggers": {
        # Django's own would mail to ADMINS what a failed request held.
        "django": {"handlers": [], "level": "INFO"},
        # A client's mistake is no event of ours; it would let strangers fill the log.
        "django.request": {"level": "ERROR", "filters": ["duplicate_error"]},
        "django.security": {"level": "CRITICAL"},
        "morpheus.requests": {"level": "INFO" if _requests else "WARNING"},
    },
    "root": {"handlers": ["stderr"], "level": _level},
}
