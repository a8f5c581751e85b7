"""How the log looks: one line or one JSON object per event, with the request's id, redacted."""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime
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
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": redact(message) if fields is None else message,
            "request_id": getattr(record, "request_id", "-"),
        }
        if record.exc_info:
            members["exception"] = redact(self.formatException(record.exc_info))
        return orjson.dumps(members | (fields or {}), default=str).decode()


def _quote(value: Any) -> str:
    text = str(value)
    is_plain = text and not any(sign.isspace() or sign == '"' for sign in text)
    return text if is_plain else json.dumps(text, ensure_ascii=False)
