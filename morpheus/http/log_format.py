"""How the log looks: one line or one JSON object per event, with the request's id, discreet."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import orjson
import structlog

from morpheus.http.request_id import request_id
from morpheus.tracing.routes import route_of

# Of whom, and what opens what. 43 characters are one of our tokens.
_PERSONAL: list[tuple[re.Pattern[str], str]] = [
    (re.compile(r"(?<![\w.%+-])[\w.%+-]+@[\w-]+(?:\.[\w-]+)+"), "<e-mail>"),
    (re.compile(r"(?<![\w-])[\w-]{43}(?![\w-])", re.ASCII), "<token>"),
    (re.compile(r"\b(Bearer|Basic)\s+[\w.=+/~-]+"), r"\1 <token>"),
    # PostgreSQL quotes the row there.
    (re.compile(r"\b(DETAIL|CONTEXT):[^\n]*"), r"\1: …"),
]


def event(logger: logging.Logger, level: int, name: str, request_id: str, **fields: Any) -> None:
    """Log what happened by its name, with what is known of it; nothing personal belongs there."""
    if logger.isEnabledFor(level):
        logger.log(level, name, extra={"request_id": request_id or "-", "fields": fields})


def discreet(text: str) -> str:
    """Return a message of anybody's without addresses, tokens, and quoted rows."""
    for pattern, replacement in _PERSONAL:
        text = pattern.sub(replacement, text)
    return text


class RequestIDFilter(logging.Filter):
    """Put the current request's id on every log record that does not have one."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not hasattr(record, "request_id"):
            record.request_id = request_id.get()
        return True


class DiscreetFilter(logging.Filter):
    """Name the route where Django would quote the path."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = getattr(record, "request", None)
        if request is not None and hasattr(request, "resolver_match"):
            record.msg = "Answered %s to %s."
            record.args = (getattr(record, "status_code", "?"), route_of(request))
        return True


_EXPLAINED = (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.INSUFFICIENT_STORAGE)


class UnexplainedFilter(logging.Filter):
    """Drop Django's own line about a 503 or 507: ours has said why, with the request's id."""

    def filter(self, record: logging.LogRecord) -> bool:
        return getattr(record, "status_code", None) not in _EXPLAINED


class LineFormatter(logging.Formatter):
    """Fold a message into one line; what PostgreSQL says has several. Tracebacks stay."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = getattr(record, "fields", {})
        known = [f"{name}={_written(value)}" for name, value in fields.items()]
        line = super().formatMessage(record)
        return " ".join([*(line if known else discreet(line)).split(), *known])

    def formatException(self, exception: Any) -> str:
        return discreet(super().formatException(exception))


class JSONFormatter(structlog.stdlib.ProcessorFormatter):
    """One JSON object per line: `at`, `level`, `logger`, `event`, `request_id`, and its fields."""

    def __init__(self, *_: Any, **options: Any) -> None:
        render = structlog.processors.JSONRenderer(serializer=_dumps)
        super().__init__(
            processors=[structlog.processors.format_exc_info, _known, render], **options
        )


def _known(_: Any, __: str, given: structlog.typing.EventDict) -> Mapping[str, Any]:
    record: logging.LogRecord = given["_record"]
    fields: dict[str, Any] | None = getattr(record, "fields", None)
    message = given["event"]
    found = {
        "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "event": discreet(message) if fields is None else message,
        "request_id": getattr(record, "request_id", "-"),
    }
    if exception := given.get("exception"):
        found["exception"] = discreet(exception)
    return found | (fields or {})


def _dumps(found: Any, **_: Any) -> str:
    return orjson.dumps(found, default=str).decode()


def _written(value: Any) -> str:
    text = str(value)
    is_plain = text and not any(sign.isspace() or sign == '"' for sign in text)
    return text if is_plain else json.dumps(text, ensure_ascii=False)
