"""Fewer round trips of a write transaction: statements that need no wait are sent with another one.

BEGIN and the identity are sent with the first statement, and the collected tags are read with the
last ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from psycopg import Cursor
from psycopg.pq import TransactionStatus

READ_TAGS = "SELECT current_setting('app.touches', true)"

# Nothing is read from these, unless they have RETURNING.
_CHANGES = ("UPDATE ", "DELETE ", "INSERT ")


class WritePipeline:
    """Executes the statements of one transaction, as an execute wrapper of Django does.

    Args:
        opening: The statement that sets the identity, with its parameters. It is sent with the
            first statement. Code that bypasses Django's cursor would have no identity before that:
            row level security then refuses its writes, and its tags go to the outbox.
    """

    def __init__(self, opening: str, params: Sequence[Any]) -> None:
        self._opening: tuple[str, Sequence[Any]] | None = (opening, params)
        self._deferred: list[tuple[str, Any]] = []
        self._defers = False
        self._defers_all = False
        # Whether this is a block of `last_statements`, and whether it has changed rows.
        self._is_last = False
        self._has_changed = False
        # Whether the statements that are executed now were deferred, and traced, before.
        self.is_sending = False

    def __call__(
        self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any
    ) -> Any:
        if self._defers_all:
            self._deferred.append((sql, params))
            return None
        is_change = isinstance(sql, str) and sql.lstrip().startswith(_CHANGES)
        self._has_changed |= self._is_last and is_change
        if self._defers and is_change and not many and "RETURNING" not in sql:
            self._deferred.append((sql, params))
            return None
        database = context["connection"]
        database.collected_tags = None
        if not (self._opening or self._deferred or self._has_changed):
            return execute(sql, params, many, context)
        with self._pipeline(database):
            return execute(sql, params, many, context)

    def flush(self, database: Any) -> None:
        """Send the statements that wait for another one."""
        if self._deferred:
            with self._pipeline(database):
                pass

    @contextmanager
    def with_next_statement(self) -> Iterator[None]:
        """Run the block as the function of this name says."""
        self._defers_all = True
        try:
            yield
        finally:
            self._defers_all = False

    @contextmanager
    def last_statements(self, database: Any, *, defers: bool) -> Iterator[None]:
        """Run the block as the function of this name says."""
        if self._is_last:
            yield
            return
        self._defers, self._is_last = defers, True
        try:
            yield
            self.flush(database)
        except BaseException:
            if self._deferred:  # They were not sent.
                transaction.set_rollback(True, using=database.alias)
            raise
        finally:
            self._deferred.clear()
            self._defers = self._is_last = self._has_changed = False

    @contextmanager
    def _pipeline(self, database: Any) -> Iterator[None]:
        """Send what waits, then the statement of the block, and read the tags: one round trip."""
        connection, tags = database.connection, None
        opening, self._opening = self._opening, None
        deferred, self._deferred = self._deferred, []
        # Errors and results arrive when the pipeline ends. `Cursor` is not Django's, which would
        # trace and count the statement.
        with database.wrap_database_errors:
            begins = opening and connection.info.transaction_status == TransactionStatus.IDLE
            if begins:
                connection.autocommit = True  # Else psycopg waits for a BEGIN of its own.
            with connection.pipeline():
                if begins:
                    Cursor(connection).execute("BEGIN")
                if opening:
                    Cursor(connection).execute(*opening)
                self._send(database, deferred)
                yield
                if self._has_changed:
                    tags = Cursor(connection).execute(READ_TAGS)
        if tags is not None:
            [database.collected_tags] = tags.fetchone() or [None]

    def _send(self, database: Any, statements: list[tuple[str, Any]]) -> None:
        self.is_sending = True
        try:
            for statement in statements:
                with database.cursor() as cursor:
                    cursor.execute(*statement)
        finally:
            self.is_sending = False


@contextmanager
def last_statements(*, defers: bool = True) -> Iterator[None]:
    """Read the collected tags in the same round trip as the statements of the block.

    Nothing should follow in the transaction but its commit; else the tags are read once more. The
    block changes nothing in another such block, in a transaction that was open before
    `write_transaction`, and outside of one.

    Args:
        defers: Whether UPDATE, DELETE and INSERT wait for the next statement with a result, or for
            the end of the block. Their row counts are then unknown, their errors are raised later,
            and their time is part of that statement's.
    """
    database: Any = connections[DEFAULT_DB_ALIAS]
    pipeline = database.write_pipeline
    with nullcontext() if pipeline is None else pipeline.last_statements(database, defers=defers):
        yield


@contextmanager
def with_next_statement() -> Iterator[None]:
    """Send the statements of the block with the next one, or before the commit.

    Nothing can be read from them, and their errors are raised later. Outside of a
    `write_transaction`, the block changes nothing.
    """
    pipeline: WritePipeline | None = connections[DEFAULT_DB_ALIAS].write_pipeline  # type: ignore[attr-defined]
    with nullcontext() if pipeline is None else pipeline.with_next_statement():
        yield
