"""How the log looks: one line or one JSON object per event, with the request's id, redacted."""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import orjson

from morpheus.tracing.routes import request_id, route_of

# Personal data and secrets. The project's tokens have 43 characters.
_REDACTIONS: list[tuple[re.Pattern[str], str]] = [
    (re.compile(r"(?<![\w.%+-])[\w.%+-]+@[\w-]+(?:\.[\w-]+)+"), "<e-mail>"),
    (re.compile(r"(?<![\w-])[\w-]{43}(?![\w-])", re.ASCII), "<token>"),
    (re.compile(r"\b(Bearer|Basic)\s+[\w.=+/~-]+"), r"\1 <token>"),
    # PostgreSQL quotes the row there.
    (re.compile(r"\b(DETAIL|CONTEXT):[^\n]*"), r"\1: …"),
]

# The server logs the reason for these itself.
_EXPLAINED = (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.INSUFFICIENT_STORAGE)


def log_event(
    logger: logging.Logger, level: int, name: str, request_id: str, **fields: Any
) -> None:
    """Log an event by its name, with its fields; they must hold no personal data."""
    if logger.isEnabledFor(level):
        logger.log(level, name, extra={"request_id": request_id or "-", "fields": fields})


def redact(text: str) -> str:
    """Return a message without e-mail addresses, tokens and quoted rows."""
    for pattern, replacement in _REDACTIONS:
        text = pattern.sub(replacement, text)
    return text


class RequestFilter(logging.Filter):
    """Add the current request's id, and the route in place of the path that Django logs."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not hasattr(record, "request_id"):
            record.request_id = request_id.get()
        request = getattr(record, "request", None)
        if request is not None and hasattr(request, "resolver_match"):
            record.msg = "Responded %s to %s."
            record.args = (getattr(record, "status_code", "?"), route_of(request))
        return True


class DuplicateErrorFilter(logging.Filter):
    """Drop Django's line about a 503 or 507: `morpheus.http.errors` has logged the reason."""

    def filter(self, record: logging.LogRecord) -> bool:
        return getattr(record, "status_code", None) not in _EXPLAINED


class LineFormatter(logging.Formatter):
    """Fold a message into one line, such as PostgreSQL's; tracebacks stay as they are."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = getattr(record, "fields", {})
        pairs = [f"{name}={_quote(value)}" for name, value in fields.items()]
        line = super().formatMessage(record)
        return " ".join([*(line if pairs else redact(line)).split(), *pairs])

    def formatException(self, exception: Any) -> str:
        return redact(super().formatException(exception))


class JSONFormatter(logging.Formatter):
    """One JSON object per line: `at`, `level`, `logger`, `event`, `request_id`, and its fields."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] | None = getattr(record, "fields", None)
        message = record.getMessage()
        members = {
            "at": _format_time(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": redact(message) if fields is None else message,
            "request_id": getattr(record, "request_id", "-"),
        }
        if record.exc_info:
            members["exception"] = redact(self.formatException(record.exc_info))
        return orjson.dumps(members | (fields or {}), default=str).decode()


def format_event(
    formatter: logging.Formatter | None,
    logger: str,
    name: str,
    at: float,
    request_id: str,
    fields: dict[str, Any],
) -> str:
    """Return the line of an event of level INFO as a formatter does, but as JSON ten times faster.

    The fields must hold no personal data.
    """
    if isinstance(formatter, JSONFormatter):
        members = {
            "at": _format_time(at),
            "level": "info",
            "logger": logger,
            "event": name,
            "request_id": request_id,
        }
        return orjson.dumps(members | fields).decode()
    record = logging.makeLogRecord(
        {
            "name": logger,
            "levelname": "INFO",
            "levelno": logging.INFO,
            "msg": name,
            "created": at,
            "msecs": at % 1 * 1000,
            "request_id": request_id,
            "fields": fields,
        }
    )
    return (formatter or logging.Formatter()).format(record)


def _format_time(at: float) -> str:
    return f"{_format_second(int(at))}.{int(at % 1 * 1000):03}+00:00"


@lru_cache(maxsize=8)
def _format_second(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _quote(value: Any) -> str:
    text = str(value)
    is_plain = text and not any(sign.isspace() or sign == '"' for sign in text)
    return text if is_plain else json.dumps(text, ensure_ascii=False)
