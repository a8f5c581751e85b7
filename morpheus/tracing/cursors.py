"""Cursors that publish each statement they execute, COPY and server-side cursors included."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

from morpheus.django_internals.django import CursorDebugWrapper, ObservableCursor
from morpheus.tracing.events import publish_statement
from morpheus.tracing.request_trace import Statement


class TracedCursor(ObservableCursor):
    """Django's cursor, which publishes each statement after its execution."""

    def observe(self, execute: Any, sql: Any, params: Any, many: bool, executor: Any) -> Any:
        if many:
            params = [*params]  # django-prometheus calls len() on them.
        started = perf_counter()
        is_failed = True
        try:
            result = execute(sql, params, many, executor)
            is_failed = False
            return result
        finally:
            self._publish(self._statement(sql, params, started, is_failed, many))

    @contextmanager
    def copy(self, statement: Any, params: Any = None, **options: Any) -> Iterator[Any]:
        """Yield psycopg's `copy`."""
        started = perf_counter()
        is_failed = True
        try:
            with self.cursor.copy(statement, params, **options) as copy:
                yield copy
            is_failed = False
        finally:
            self._publish(self._statement(statement, params, started, is_failed, False))

    def _statement(
        self, sql: Any, params: Any, started: float, is_failed: bool, is_many: bool
    ) -> Statement:
        seconds = perf_counter() - started
        text = sql if isinstance(sql, str) else _text(sql, self.cursor)
        count = self.cursor.rowcount
        rows = count if count >= 0 and not is_failed else None
        return Statement(self.db.alias, text, params, seconds, rows, is_failed, is_many)

    def _publish(self, statement: Statement) -> None:
        publish_statement(statement)


class TracedDebugCursor(CursorDebugWrapper, TracedCursor):
    """`TracedCursor` while Django collects `connection.queries`."""


class TracedServerCursor(TracedCursor):
    """A server-side cursor (`.iterator()`): one statement with many round trips until it closes."""

    def __init__(self, cursor: Any, db: Any) -> None:
        super().__init__(cursor, db)
        self._declared: Statement | None = None
        self._rows = 0

    def _publish(self, statement: Statement) -> None:
        self._declared = statement

    def fetchmany(self, *size: int) -> Any:
        started = perf_counter()
        is_failed = True
        try:
            with self.db.wrap_database_errors:
                rows = self.cursor.fetchmany(*size)
            self._rows += len(rows)
            is_failed = False
            return rows
        finally:
            if self._declared is not None:
                self._declared.seconds += perf_counter() - started
                self._declared.is_failed |= is_failed

    def close(self) -> None:
        if (statement := self._declared) is not None:
            self._declared = None
            statement.rows = None if statement.is_failed else self._rows
            publish_statement(statement)
        self.cursor.close()


def _text(sql: Any, cursor: Any) -> str:
    return str(sql.as_string(cursor)) if hasattr(sql, "as_string") else str(sql, "utf-8", "replace")
