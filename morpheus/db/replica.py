"""API reads from a streaming replica that see everything written before they began.

A GET reads the primary's WAL position first. It reads the replica only if that has replayed the
position on the connection that it will use; otherwise it reads the primary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connections
from django.db.models import Model
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from prometheus_client import Counter

from morpheus.db.replica_position import PrimaryPosition, ReplicaMonitor
from morpheus.db.statement_settings import is_canceled
from morpheus.tracing.request_trace import REPLICA

View = Callable[..., HttpResponseBase]

_UNAVAILABLE = (OperationalError, InterfaceError)

_HAS_REPLAYED = "SELECT pg_is_in_recovery(), pg_last_wal_replay_lsn() >= %s::pg_lsn"

_alias: ContextVar[str] = ContextVar("reading_alias", default=DEFAULT_DB_ALIAS)
_primary = PrimaryPosition()
_monitor = ReplicaMonitor()
_reads = Counter(
    "morpheus_replica_reads_total",
    "API reads while a replica is configured, by outcome: replica; or the primary, because the "
    "replica was away, behind or lost.",
    ["outcome"],
)


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
