"""Django's PostgreSQL backend: it notices dead pools quickly, and its commits tell the cache."""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import psycopg
from django.conf import settings
from psycopg import postgres
from psycopg.pq import Format
from psycopg_pool import ConnectionPool

from morpheus.cache.tagged_commit import commit_and_invalidate
from morpheus.django_internals.django import BackendHooks
from morpheus.django_internals.django_prometheus import PrometheusDatabaseWrapper
from morpheus.tracing.cursors import TracedCursor, TracedDebugCursor, TracedServerCursor
from morpheus.tracing.events import publish_statement
from morpheus.tracing.request_trace import COMMIT, Statement

# Statements kept prepared on each connection. Lists have 55 combinations of ordering and filter,
# each with a first, a next and a previous page; psycopg's own 100 would throw hot ones out.
PREPARED_MAX = 500

# psycopg's own, in C, which takes the connection's time zone; Django's is in Python, and two times
# in each row of a list are a twelfth of what a list takes.
_TIMES = psycopg.adapters.get_loader(postgres.types["timestamptz"].oid, Format.TEXT)


class DatabaseWrapper(BackendHooks, PrometheusDatabaseWrapper):
    """Looks at each connection that the pool gives; a dead one takes all the others along.

    What ends one connection, a restart of the server, nearly always ends all. psycopg_pool's own
    check meets them one by one, with pauses that grow: a request after a quiet hour would meet
    dead connections until its time is over. So `CONN_HEALTH_CHECKS` is off.

    One on which the server said nothing while it lay idle is alive; any other is asked. Behind a
    PgBouncer each is asked: that does not say what became of PostgreSQL. `CHECK_AT_CHECKOUT` of the
    database's settings, on by default, is for whom a first statement of their own shows the same.
    """

    # Whether the current transaction collects the tags that it touches (`write_transaction`).
    collects_tags = False

    # When each pool's connections were last replaced, by alias; time.monotonic().
    _drained_at: dict[str, float] = {}
    _draining = threading.Lock()

    def make_cursor(self, cursor: Any) -> TracedCursor:
        return TracedServerCursor(cursor, self) if _is_named(cursor) else TracedCursor(cursor, self)

    def make_debug_cursor(self, cursor: Any) -> TracedCursor:  # type: ignore[override]
        if _is_named(cursor):
            return TracedServerCursor(cursor, self)
        return TracedDebugCursor(cursor, self)

    def prepare_connection(self, connection: Any) -> None:
        connection.prepared_max = PREPARED_MAX
        connection.adapters.register_loader("timestamptz", _TIMES)

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Return a connection that answers.

        Raises:
            OperationalError: None was to be had within the pool's timeout.
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
            publish_statement(Statement(self.alias, COMMIT, None, seconds, None, is_failed))

    def forget_transaction(self) -> None:
        self.collects_tags = False

    def _drain(self, pool: ConnectionPool, taken_at: float) -> None:
        """Replace all connections, unless somebody did since ours was taken."""
        with self._draining:
            if self._drained_at.get(self.alias, 0.0) < taken_at:
                self._drained_at[self.alias] = time.monotonic()
                pool.drain()


def _is_silent(connection: Any) -> bool:
    """Tell whether the server has said nothing since the last answer: no round trip.

    One that ends a session says so, and the end of its process closes the socket: both can be read.
    """
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    return not waiting.poll(0)


def _is_named(cursor: Any) -> bool:
    return bool(getattr(cursor, "name", None))
