"""Django's PostgreSQL backend with fast recovery of the pool and commits that invalidate."""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import psycopg
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS
from psycopg import postgres
from psycopg.pq import Format
from psycopg_pool import ConnectionPool

from morpheus.cache.dependencies import observe_statement
from morpheus.cache.tagged_commit import commit_and_invalidate
from morpheus.db.postgresql.times import TimeTextLoader
from morpheus.db.statement_settings import execute_with_settings, has_settings
from morpheus.db.write_pipeline import WritePipeline
from morpheus.django_internals.django import BackendHooks
from morpheus.django_internals.django_prometheus import PrometheusDatabaseWrapper, count_error
from morpheus.tracing.events import publish_statement, trace_execution
from morpheus.tracing.request_trace import COMMIT, Statement

# Prepared statements per connection. Lists have 55 combinations of ordering and filter, each with a
# first, a next and a previous page. psycopg's default of 100 would evict hot ones.
PREPARED_MAX = 500

# psycopg's loader in C, which uses the connection's time zone. With Django's loader in Python, two
# timestamps in each row cost a twelfth of a list's time.
_TIMES = psycopg.adapters.get_loader(postgres.types["timestamptz"].oid, Format.TEXT)


class DatabaseWrapper(BackendHooks, PrometheusDatabaseWrapper):
    """Checks each connection from the pool; a dead one replaces all connections of the pool.

    The usual cause, a restart of the server, ends all connections. psycopg_pool's own check finds
    them one by one, with growing pauses: a request after a quiet hour would get dead connections
    until its timeout. So `CONN_HEALTH_CHECKS` is off.

    The check is a round trip only if the server sent something while the connection was idle.
    Behind a PgBouncer it always is, because silence says nothing about PostgreSQL. The database
    setting `CHECK_AT_CHECKOUT` (on by default) is off where the first statement is a check itself.
    """

    # Whether the current transaction collects tags (`write_transaction`).
    collects_tags = False
    # What they are, if nothing was executed since they were read (`WritePipeline`).
    collected_tags: str | None = None
    write_pipeline: WritePipeline | None = None

    # time.monotonic() of the last replacement of each pool's connections, by alias.
    _drained_at: dict[str, float] = {}
    _draining = threading.Lock()

    def __init__(self, settings_dict: dict[str, Any], alias: str = DEFAULT_DB_ALIAS) -> None:
        super().__init__(settings_dict, alias)
        # For good: a block that ends removes the wrapper that was added last.
        self.execute_wrappers.append(execute_observed)

    def prepare_connection(self, connection: Any) -> None:
        connection.prepared_max = PREPARED_MAX
        connection.adapters.register_loader("timestamptz", _TIMES)
        connection.incoming = select.poll()
        connection.incoming.register(connection.fileno(), select.POLLIN)
        connection.reader = psycopg.Cursor(connection)
        connection.reader.adapters.register_loader("timestamptz", TimeTextLoader)

    def read_rows(self, sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Execute a read and return its rows, with times as text (`TimeTextLoader`).

        As by a cursor of Django's, in a third of its CPU time: each connection keeps one cursor.
        """
        if self.connection is None:
            self.ensure_connection()
        reader = self.connection.reader
        cursor = self.make_cursor(reader)
        if self.execute_wrappers != [execute_observed] or self.queries_logged:
            # A tool observes the statements of a block.
            cursor = self.make_debug_cursor(reader) if self.queries_logged else cursor
            cursor.execute(sql, params)
        else:
            context = {"connection": self, "cursor": cursor}
            execute_observed(self._execute_reader, sql, params, False, context)
        with self.wrap_database_errors:
            rows: list[tuple[Any, ...]] = reader.fetchall()
        return rows

    def _execute_reader(
        self, sql: str, params: Sequence[Any], many: bool, context: dict[str, Any]
    ) -> None:
        self.validate_no_broken_transaction()
        with self.wrap_database_errors:
            self.connection.reader.execute(sql, params)

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Return a connection that works.

        Raises:
            OperationalError: The pool had none within its timeout.
        """
        connection = super().get_new_connection(conn_params)
        pool = self.pool
        if not pool or not self.settings_dict.get("CHECK_AT_CHECKOUT", True):
            return connection
        taken_at = time.monotonic()
        try:
            if settings.MORPHEUS_PGBOUNCER or not _is_silent(connection):
                ConnectionPool.check_connection(connection)
        except psycopg.OperationalError:
            pool.putconn(connection)
            self._drain(pool, taken_at)
            return super().get_new_connection(conn_params)
        return connection

    def commit_transaction(self, commit: Callable[[], None]) -> None:
        if not self.collects_tags:
            self._trace_commit(commit)
            return
        self.collects_tags = False
        commit_and_invalidate(self, partial(self._trace_commit, commit))

    def _trace_commit(self, commit: Callable[[], None]) -> None:
        started = time.perf_counter()
        is_failed = True
        try:
            commit()
            is_failed = False
        finally:
            seconds = time.perf_counter() - started
            statement = Statement(
                self.alias, COMMIT, None, seconds, None, is_failed, started=started
            )
            publish_statement(statement)

    def forget_transaction(self) -> None:
        self.collects_tags = False
        self.collected_tags = None

    def _drain(self, pool: ConnectionPool, taken_at: float) -> None:
        """Replace all connections, unless another thread did so after `taken_at`."""
        with self._draining:
            if self._drained_at.get(self.alias, 0.0) < taken_at:
                self._drained_at[self.alias] = time.monotonic()
                pool.drain()


def execute_observed(
    execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    """Execute a statement with what accompanies each one: an execute wrapper of Django.

    Its trace, its part in the dependencies of a response, the settings of the block or the pipeline
    of the transaction, and the number of errors.
    """
    pipeline = context["connection"].write_pipeline
    if pipeline is not None and pipeline.is_sending:
        return execute(sql, params, many, context)
    observe_statement()
    if pipeline is not None:
        execute = partial(pipeline, execute)
    elif has_settings():
        execute = partial(execute_with_settings, execute)
    try:
        return trace_execution(execute, sql, params, many, context)
    except Exception as error:
        count_error(context["connection"].alias, error)
        raise


def _is_silent(connection: Any) -> bool:
    """Return whether the server sent nothing while the connection was idle, without a round trip.

    The end of a session is a message, and the end of its process closes the socket. Both make the
    socket readable.
    """
    return not connection.incoming.poll(0)
