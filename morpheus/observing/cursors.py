"""Cursors that tell what they ran, rows that come later and COPY included.

Not an execute wrapper of Django's: those see neither the reading of `.iterator()` nor COPY, and one
that is added while others are active may be taken away in place of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

from django.db.backends.utils import CursorDebugWrapper, CursorWrapper

from morpheus.observing.events import statement_ended
from morpheus.observing.ledger import Statement


class ObservedCursor(CursorWrapper):
    """Runs each statement as Django's cursor does, and tells of it."""

    def _execute_with_wrappers(self, sql: Any, params: Any, many: bool, executor: Any) -> Any:
        if many:
            params = [*params]  # django-prometheus asks for their number.
        started = perf_counter()
        is_failed = True
        try:
            result = super()._execute_with_wrappers(sql, params, many, executor)  # type: ignore[misc]
            is_failed = False
            return result
        finally:
            rows = self.cursor.rowcount
            self._tell(sql, params, perf_counter() - started, rows, is_failed, is_many=many)

    @contextmanager
    def copy(self, statement: Any, params: Any = None, **options: Any) -> Iterator[Any]:
        """Yield what psycopg's `copy` does."""
        started = perf_counter()
        is_failed = True
        try:
            with self.cursor.copy(statement, params, **options) as copy:
                yield copy
            is_failed = False
        finally:
            self._tell(statement, params, perf_counter() - started, self.cursor.rowcount, is_failed)

    def _tell(
        self,
        sql: Any,
        params: Any,
        seconds: float,
        rows: int,
        is_failed: bool,
        *,
        is_many: bool = False,
    ) -> None:
        text = sql if isinstance(sql, str) else _text(sql, self.cursor)
        known = rows if rows >= 0 and not is_failed else None
        statement_ended(Statement(self.db.alias, text, params, seconds, known, is_failed, is_many))


class ObservedDebugCursor(CursorDebugWrapper, ObservedCursor):
    """The same while Django collects `connection.queries`."""


class ObservedStream(ObservedCursor):
    """A named cursor (`.iterator()`): one statement of many round trips, over when it is closed."""

    def __init__(self, cursor: Any, db: Any) -> None:
        super().__init__(cursor, db)
        self._declared: tuple[Any, Any] | None = None
        self._seconds = 0.0
        self._rows = 0
        self._is_failed = False

    def _tell(
        self,
        sql: Any,
        params: Any,
        seconds: float,
        rows: int,
        is_failed: bool,
        *,
        is_many: bool = False,
    ) -> None:
        self._declared = sql, params
        self._seconds += seconds
        self._is_failed |= is_failed

    def fetchmany(self, *size: int) -> Any:
        started = perf_counter()
        try:
            with self.db.wrap_database_errors:
                rows = self.cursor.fetchmany(*size)
            self._rows += len(rows)
            return rows
        finally:
            self._seconds += perf_counter() - started

    def close(self) -> None:
        if self._declared is not None:
            sql, params = self._declared
            self._declared = None
            super()._tell(sql, params, self._seconds, self._rows, self._is_failed)
        self.cursor.close()


def _text(sql: Any, cursor: Any) -> str:
    return str(sql.as_string(cursor)) if hasattr(sql, "as_string") else str(sql, "utf-8", "replace")
