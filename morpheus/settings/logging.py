"""Logs go to standard error, one line per event, with the request's id."""

from __future__ import annotations

from .environment import env

__all__ = ["LOGGING"]

_level = env.choice(
    "LOG_LEVEL", default="WARNING", choices=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "request_id": {"()": "morpheus.log_lines.RequestIDFilter"},
        "unexplained": {"()": "morpheus.log_lines.UnexplainedFilter"},
    },
    "formatters": {
        "line": {
            "()": "morpheus.log_lines.LineFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s",
        }
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["request_id"],
        }
    },
    # A client's mistake is no event of ours; it would let strangers fill the log.
    "loggers": {"django.request": {"level": "ERROR", "filters": ["unexplained"]}},
    "root": {"handlers": ["stderr"], "level": _level},
}
