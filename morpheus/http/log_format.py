"""How the log looks: one line or one JSON object per event and per request, redacted."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from http import HTTPStatus
from typing import Any, cast

import orjson

from morpheus.http.log_stream import find_handlers
from morpheus.tracing.request_trace import FinishedRequest, RequestTrace, current_parent
from morpheus.tracing.routes import TraceParent, request_id, route_of

logger = logging.getLogger("morpheus.requests")

# The supervisor's probe every two seconds (`morpheus.embedded`); only a failure is logged.
_PROBE = "HEAD /healthz"

_HITS = frozenset({"hit", "joined"})

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


def describe_parent(parent: TraceParent | None) -> dict[str, str]:
    """Return the fields by which a line belongs to a distributed trace."""
    return {"trace_id": parent.trace_id} if parent else {}


def redact(text: str) -> str:
    """Return a message without e-mail addresses, tokens and quoted rows."""
    for pattern, replacement in _REDACTIONS:
        text = pattern.sub(replacement, text)
    return text


class RequestFilter(logging.Filter):
    """Add the current request's ids, and the route in place of the path that Django logs."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not hasattr(record, "request_id"):
            record.request_id = request_id.get()
            record.trace = describe_parent(current_parent())
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
    """Formats log records, and events that have none; their fields hold no personal data."""

    def format_event(
        self, logger: str, name: str, at: float, request_id: str, fields: dict[str, Any]
    ) -> str:
        """Return the line of an event of level INFO."""
        event = {"name": logger, "levelname": "INFO", "msg": name, "created": at}
        extra = {"msecs": at % 1 * 1000, "request_id": request_id, "fields": fields}
        return self.format(logging.makeLogRecord(event | extra))


class LineFormatter(EventFormatter):
    """Fold a message into one line, such as PostgreSQL's; tracebacks stay as they are."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = getattr(record, "fields", {})
        fields_of_all = getattr(record, "trace", {}) | fields
        line = super().formatMessage(record)
        words = (line if fields else redact(line)).split()
        return " ".join(
            [*words, *(f"{name}={_quote(value)}" for name, value in fields_of_all.items())]
        )

    def formatException(self, exception: Any) -> str:
        return redact(super().formatException(exception))


class JSONFormatter(EventFormatter):
    """One JSON object per line: `at`, `level`, `logger`, `event`, `request_id`, and its fields."""

    def format_event(
        self, logger: str, name: str, at: float, request_id: str, fields: dict[str, Any]
    ) -> str:
        # Without a record, which would cost several times as much.
        members = _members(at, "info", logger, name, request_id)
        return orjson.dumps(members | fields).decode()

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] | None = getattr(record, "fields", None)
        message = record.getMessage()
        event = redact(message) if fields is None else message
        request_id = getattr(record, "request_id", "-")
        level = record.levelname.lower()
        members = _members(record.created, level, record.name, event, request_id)
        if record.exc_info:
            members["exception"] = redact(self.formatException(record.exc_info))
        members |= getattr(record, "trace", {})
        return orjson.dumps(members | (fields or {}), default=str).decode()


def _members(at: float, level: str, logger: str, event: str, request_id: str) -> dict[str, Any]:
    return {
        "at": f"{_format_utc_second(int(at))}.{int(at % 1 * 1000):03}+00:00",
        "level": level,
        "logger": logger,
        "event": event,
        "request_id": request_id,
    }


# All requests of a batch have the same second.
@lru_cache(maxsize=8)
def _format_utc_second(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _quote(value: Any) -> str:
    text = str(value)
    is_plain = not isinstance(value, str) or (text and not _NEEDS_QUOTES.search(text))
    return text if is_plain else json.dumps(text, ensure_ascii=False)


def log_requests(requests: Sequence[FinishedRequest]) -> None:
    """Log requests; by their routes and not their paths, and by the users' ids."""
    if not logger.isEnabledFor(logging.INFO):
        return
    logged = [request for request in requests if request.route != _PROBE or request.status != 200]
    for handler in find_handlers():
        formatter = cast(EventFormatter, handler.formatter)
        handler.write_lines(
            formatter.format_event(
                logger.name, "request", request.at, request.request_id, _describe(request)
            )
            for request in logged
        )


def _describe(request: FinishedRequest) -> dict[str, Any]:
    trace = request.trace
    hits, misses = _count_lookups(trace)
    return {
        "route": request.route,
        "status": request.status,
        "ms": round(request.seconds * 1000, 2),
        "user_id": request.user_id,
        "queries": trace.queries if trace else 0,
        "db_ms": round(trace.seconds * 1000, 2) if trace else 0.0,
        "cache_hits": hits,
        "cache_misses": misses,
        **describe_parent(request.parent),
    }


def _count_lookups(trace: RequestTrace | None) -> tuple[int, int]:
    if trace is None:  # The response cache had the whole response.
        return 1, 0
    hits = misses = 0
    for lookup in trace.lookups:
        if lookup.outcome in _HITS:
            hits += len(lookup.identities)
        else:
            misses += len(lookup.identities)
    return hits, misses
