"""Fewer round trips of a write transaction: statements that need no wait are sent with another one.

BEGIN and the identity are sent with the first statement. From the first change on, each statement
brings the tags that triggers have collected, so that COMMIT need not wait for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from psycopg import Cursor
from psycopg.pq import TransactionStatus

READ_TAGS = "SELECT current_setting('app.touches', true)"

_CHANGES = ("UPDATE ", "DELETE ", "INSERT ")


class WritePipeline:
    """Executes the statements of one transaction, as an execute wrapper of Django does.

    Code that bypasses Django's cursor has no identity before the first statement: row level
    security then refuses its writes, and its tags go to the outbox. After a change it must not
    write, because its tags would not be read.

    Args:
        opening: The statement that sets the identity, with its parameters.

    Attributes:
        defers: Whether statements wait for a later one (`with_next_statement`).
        is_sending: Whether the statements that are executed now waited, and were traced, before.
    """

    def __init__(self, opening: str, params: Sequence[Any]) -> None:
        self.defers = False
        self.is_sending = False
        self._opening: tuple[str, Sequence[Any]] | None = (opening, params)
        self._waiting: list[tuple[Any, Any]] = []
        self._has_changed = False

    def __call__(
        self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any
    ) -> Any:
        self._has_changed |= isinstance(sql, str) and sql.lstrip().startswith(_CHANGES)
        if self.defers:
            self._waiting.append((sql, params))
            return None
        database = context["connection"]
        database.collected_tags = None
        if not (self._opening or self._waiting or self._has_changed):
            return execute(sql, params, many, context)
        # After an error, psycopg takes statements of the aborted pipeline for prepared until it
        # sees a rollback. So this one comes alone; the release of the savepoint brings the tags.
        is_rollback = isinstance(sql, str) and sql.startswith("ROLLBACK TO")
        with self._pipeline(database, reads_tags=self._has_changed and not is_rollback):
            return execute(sql, params, many, context)

    def flush(self, database: Any) -> None:
        """Send the statements that wait, at the end of the transaction."""
        if self._waiting:
            with self._pipeline(database, reads_tags=self._has_changed):
                pass

    @contextmanager
    def _pipeline(self, database: Any, *, reads_tags: bool) -> Iterator[None]:
        """Send what waits, then the statement of the block, and read the tags: one round trip."""
        connection, tags = database.connection, None
        opening, self._opening = self._opening, None
        waiting, self._waiting = self._waiting, []
        # Errors and results arrive when the pipeline ends. `Cursor` is not Django's, which would
        # trace and count the statement.
        with database.wrap_database_errors:
            begins = connection.info.transaction_status == TransactionStatus.IDLE
            if begins:
                connection.autocommit = True  # Else psycopg waits for a BEGIN of its own.
            with connection.pipeline():
                if begins:
                    Cursor(connection).execute("BEGIN")
                if opening:
                    Cursor(connection).execute(*opening)
                self._send(database, waiting)
                yield
                if reads_tags:
                    tags = Cursor(connection).execute(READ_TAGS)
        if tags is not None:
            [database.collected_tags] = tags.fetchone() or [None]

    def _send(self, database: Any, statements: list[tuple[Any, Any]]) -> None:
        self.is_sending = True
        try:
            for statement in statements:
                with database.cursor() as cursor:
                    cursor.execute(*statement)
        finally:
            self.is_sending = False


@contextmanager
def with_next_statement() -> Iterator[None]:
    """Send the statements of the block with the next one after it, or before the commit.

    Nothing can be read from them, not even the number of rows, and their errors are raised later.
    Outside of a `write_transaction`, the block changes nothing.
    """
    pipeline: WritePipeline | None = connections[DEFAULT_DB_ALIAS].write_pipeline  # type: ignore[attr-defined]
    if pipeline is None:
        yield
        return
    pipeline.defers = True
    try:
        yield
    finally:
        pipeline.defers = False
