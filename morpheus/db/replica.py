"""API reads from a streaming replica that see everything written before they began.

A GET reads the primary's WAL position first. It reads the replica only if that has replayed the
position on the connection that it will use; otherwise it reads the primary.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any

import psycopg
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connections
from django.db.models import Model
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from prometheus_client import Counter

from morpheus.db.statement_settings import is_canceled
from morpheus.django_internals.psycopg import TimedConnection
from morpheus.tracing.request_trace import REPLICA

logger = logging.getLogger(__name__)

# Seconds between two attempts to reach an unavailable replica.
RETRY_S = 1.0

# Every acknowledged commit is before this position. PostgreSQL acknowledges a commit when it is
# flushed; with `synchronous_commit` off, when it is inserted.
_WRITTEN = """
SELECT (CASE current_setting('synchronous_commit')
    WHEN 'off' THEN pg_current_wal_insert_lsn()
    ELSE pg_current_wal_flush_lsn()
END)::text
"""
# Identifies the data, and the role that row level security checks.
_CLUSTER = """
SELECT pg_is_in_recovery(), system_identifier, current_database()::text, current_user::text
FROM pg_control_system()
"""


View = Callable[..., HttpResponseBase]

_UNAVAILABLE = (OperationalError, InterfaceError)

_HAS_REPLAYED = "SELECT pg_is_in_recovery(), pg_last_wal_replay_lsn() >= %s::pg_lsn"

_alias: ContextVar[str] = ContextVar("reading_alias", default=DEFAULT_DB_ALIAS)
_reads = Counter(
    "morpheus_replica_reads_total",
    "API reads while a replica is configured, by outcome: replica; or the primary, because the "
    "replica was away, behind or lost.",
    ["outcome"],
)


class PrimaryPosition:
    """Reads the primary's WAL position over a connection of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: psycopg.Connection | None = None
        self._reads = 0
        self._position: str | None = None

    def read(self) -> str | None:
        """Return a position from after this call began, None if the primary is unavailable.

        Costs at most 1 round trip, which simultaneous calls share.
        """
        reads = self._reads
        with self._lock:
            # A read that began after this call serves it too; an earlier one may be too old.
            if self._reads == reads:
                self._reads += 1
                self._position = self._query()
            return self._position

    def _query(self) -> str | None:
        was_open = self._connection is not None
        try:
            if self._connection is None:
                self._connection = _connect(DEFAULT_DB_ALIAS)
            row = self._connection.execute(_WRITTEN).fetchone()
            return str(row[0]) if row else None
        except psycopg.Error:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            # The server may have restarted since the last call.
            return self._query() if was_open else None


class ReplicaMonitor:
    """Whether the replica may be used: after it was reached, and until it fails.

    A thread tries to reach it, so that no request waits for a server that does not respond.
    """

    def __init__(self) -> None:
        self._is_usable = False
        self._obstacle = ""
        self._start = threading.Lock()
        self._thread: threading.Thread | None = None

    def is_usable(self) -> bool:
        """Return whether the replica may be used; if not, try to reach it in the background."""
        if not self._is_usable:
            with self._start:
                if self._thread is None or not self._thread.is_alive():
                    self._thread = threading.Thread(target=self._wait_for_replica, daemon=True)
                    self._thread.start()
        return self._is_usable

    def record_failure(self, reason: object) -> None:
        """Stop using the replica until it is reached again."""
        self._is_usable = False
        self._log(str(reason))

    def _wait_for_replica(self) -> None:
        # The old pool would replace its broken connections more and more slowly.
        connections[REPLICA].close_pool()  # type: ignore[attr-defined]
        while obstacle := _find_obstacle():
            self._log(obstacle)
            time.sleep(RETRY_S)
        self._log("")
        self._is_usable = True

    def _log(self, obstacle: str) -> None:
        """Log a change, at a level that is logged by default."""
        if obstacle and obstacle != self._obstacle:
            logger.warning("Reads go to the primary, not to the replica: %s", obstacle.strip())
        elif self._obstacle and not obstacle:
            logger.warning("Reads go to the replica again.")
        self._obstacle = obstacle


def _find_obstacle() -> str:
    """Return why the replica cannot be used, empty if it can."""
    try:
        with _connect(DEFAULT_DB_ALIAS) as primary, _connect(REPLICA) as replica:
            primary_cluster = primary.execute(_CLUSTER).fetchone()
            replica_cluster = replica.execute(_CLUSTER).fetchone()
    except psycopg.Error as error:
        return str(error)
    if not primary_cluster or not replica_cluster or primary_cluster[1:] != replica_cluster[1:]:
        return (
            "DATABASE_REPLICA_URL must name a replica of the server that DATABASE_URL names, the "
            "same database and the same login."
        )
    return "" if replica_cluster[0] else "It was promoted and is no replica any more."


def _connect(alias: str) -> psycopg.Connection:
    parameters: dict[str, Any] = connections[alias].get_connection_params()
    return TimedConnection.connect(**{"connect_timeout": 2} | parameters, autocommit=True)


_primary = PrimaryPosition()
_monitor = ReplicaMonitor()


def reading_alias() -> str:
    """Return the database alias that the current request reads."""
    return _alias.get()


def reads_replica(view: View) -> View:
    """Let GET and HEAD requests of `view` read the replica; they must not write.

    Costs 1 round trip to the primary, which simultaneous requests share, and 1 to the replica. A
    read that fails on the replica is repeated on the primary.
    """
    if REPLICA not in settings.DATABASES:
        return view

    @wraps(view)
    def handle(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method in ("GET", "HEAD"):
            outcome = _choose_database()
            if outcome == "replica":
                try:
                    with _reading_replica():
                        response = view(request, *args, **kwargs)
                    _reads.labels(outcome).inc()
                    return response
                except _UNAVAILABLE:
                    outcome = "lost"
            _reads.labels(outcome).inc()
        return view(request, *args, **kwargs)

    return handle


def failed_by_replica(error: Exception) -> bool:
    """Return whether an error of the current request came from the replica's unavailability."""
    if reading_alias() != REPLICA or not isinstance(error, _UNAVAILABLE):
        return False
    # A statement beyond its timeout would exceed it on the primary, too.
    if is_canceled(error):
        return False
    raw = connections[REPLICA].connection
    # An open connection means that the replica only canceled a query that blocked the replay.
    if raw is None or raw.closed:
        _record_failure(error)
    return True


def _choose_database() -> str:
    """Return the outcome for `morpheus_replica_reads_total`."""
    position = _primary.read() if _monitor.is_usable() else None
    if position is None:
        return "away"
    connection = connections[REPLICA]
    try:
        connection.ensure_connection()
        # Not by Django's cursor: this statement is not one of the request's.
        with connection.wrap_database_errors, connection.connection.cursor() as cursor:
            is_replica, has_replayed = cursor.execute(_HAS_REPLAYED, [position]).fetchone()
    except _UNAVAILABLE as error:
        _record_failure(error)
        return "lost"
    if is_replica and has_replayed:
        return "replica"
    if not is_replica:
        _record_failure("It was promoted.")
    connection.close()
    return "behind" if is_replica else "away"


@contextmanager
def _reading_replica() -> Iterator[None]:
    token = _alias.set(REPLICA)
    try:
        yield
    finally:
        _alias.reset(token)


@contextmanager
def reading_primary() -> Iterator[None]:
    """Let the block read the primary.

    For cached values: the request compared the replica's position before the versions of the tags
    were read, so the replica may be older than the versions.
    """
    token = _alias.set(DEFAULT_DB_ALIAS)
    try:
        yield
    finally:
        _alias.reset(token)


def _record_failure(reason: object) -> None:
    _monitor.record_failure(reason)
    connections[REPLICA].close()


class ReplicaRouter:
    """Routes ORM reads to the request's database; writes, locks and sessions to the primary."""

    def db_for_read(self, model: type[Model], **hints: Any) -> str:
        # These are cached. A row from before the cache's version would stay there.
        is_cached = model._meta.db_table in settings.CACHALOT_ONLY_CACHABLE_TABLES
        is_cached = is_cached or model._meta.app_label == "sessions"
        return DEFAULT_DB_ALIAS if is_cached else reading_alias()

    def db_for_write(self, model: type[Model], **hints: Any) -> str:
        return DEFAULT_DB_ALIAS

    def allow_relation(self, first: Model, second: Model, **hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == DEFAULT_DB_ALIAS
