"""How the log looks: one line per event, with the request's id."""

from __future__ import annotations

import logging
from http import HTTPStatus

from morpheus.request_id import request_id


class RequestIDFilter(logging.Filter):
    """Put the current request's id on every log record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        return True


class UnexplainedFilter(logging.Filter):
    """Drop Django's own line about a 503: ours has said why, with the request's id."""

    def filter(self, record: logging.LogRecord) -> bool:
        return getattr(record, "status_code", None) != HTTPStatus.SERVICE_UNAVAILABLE


class LineFormatter(logging.Formatter):
    """Fold a message into one line; what PostgreSQL says has several. Tracebacks stay."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return " ".join(super().formatMessage(record).split())
