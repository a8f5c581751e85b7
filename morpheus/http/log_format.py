"""How the log looks: one line or one JSON object per event, with the request's id, redacted."""

from __future__ import annotations

import json
import logging
import re
import time
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

_NEEDS_QUOTES = re.compile(r'[\s"]')

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


class EventFormatter(logging.Formatter):
    """Formats log records, and events without a record, which would cost several times as much."""

    def format_event(
        self, logger: str, name: str, at: float, request_id: str, fields: dict[str, Any]
    ) -> str:
        """Return the line of an event of level INFO; its fields must hold no personal data."""
        raise NotImplementedError


class LineFormatter(EventFormatter):
    """Fold a message into one line, such as PostgreSQL's; tracebacks stay as they are."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s")

    def format_event(
        self, logger: str, name: str, at: float, request_id: str, fields: dict[str, Any]
    ) -> str:
        moment = f"{_format_local_second(int(at))},{int(at % 1 * 1000):03}"
        return f"{moment} INFO {logger} [{request_id}] {name} {_join_pairs(fields)}"

    def formatMessage(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = getattr(record, "fields", {})
        line = super().formatMessage(record)
        words = (line if fields else redact(line)).split()
        return " ".join([*words, _join_pairs(fields)] if fields else words)

    def formatException(self, exception: Any) -> str:
        return redact(super().formatException(exception))


class JSONFormatter(EventFormatter):
    """One JSON object per line: `at`, `level`, `logger`, `event`, `request_id`, and its fields."""

    def format_event(
        self, logger: str, name: str, at: float, request_id: str, fields: dict[str, Any]
    ) -> str:
        members = {
            "at": _format_utc(at),
            "level": "info",
            "logger": logger,
            "event": name,
            "request_id": request_id,
        }
        return orjson.dumps(members | fields).decode()

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] | None = getattr(record, "fields", None)
        message = record.getMessage()
        members = {
            "at": _format_utc(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": redact(message) if fields is None else message,
            "request_id": getattr(record, "request_id", "-"),
        }
        if record.exc_info:
            members["exception"] = redact(self.formatException(record.exc_info))
        return orjson.dumps(members | (fields or {}), default=str).decode()


def _format_utc(at: float) -> str:
    return f"{_format_utc_second(int(at))}.{int(at % 1 * 1000):03}+00:00"


# All requests of a batch have the same second.
@lru_cache(maxsize=8)
def _format_utc_second(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S")


@lru_cache(maxsize=8)
def _format_local_second(at: int) -> str:
    return time.strftime(logging.Formatter.default_time_format, time.localtime(at))


def _join_pairs(fields: dict[str, Any]) -> str:
    return " ".join([f"{name}={_quote(value)}" for name, value in fields.items()])


def _quote(value: Any) -> str:
    text = str(value)
    is_plain = not isinstance(value, str) or (text and not _NEEDS_QUOTES.search(text))
    return text if is_plain else json.dumps(text, ensure_ascii=False)
