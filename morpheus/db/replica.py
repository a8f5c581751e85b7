"""Reads of the API from a streaming replica, which show all that was written before they began.

The rule: a GET asks the primary how far it has written, and reads the replica only if that has
replayed as much, on the very connection that it reads by; else it reads the primary.
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

from morpheus.db.replica_position import Primary, ReplicaMonitor
from morpheus.db.statement_settings import is_canceled
from morpheus.tracing.request_trace import REPLICA

View = Callable[..., HttpResponseBase]

_UNREACHABLE = (OperationalError, InterfaceError)

_FOLLOWS = "SELECT pg_is_in_recovery(), pg_last_wal_replay_lsn() >= %s::pg_lsn"

_alias: ContextVar[str] = ContextVar("reading_alias", default=DEFAULT_DB_ALIAS)
_primary = Primary()
_watch = ReplicaMonitor()
_reads = Counter(
    "morpheus_replica_reads_total",
    "API reads while a replica is configured, by what became of them.",
    ["outcome"],  # replica; or the primary instead, because it was: away, behind, lost
)


def reading_alias() -> str:
    """Return the database that the current request reads; what is not a read is for the default."""
    return _alias.get()


def reads_replica(view: View) -> View:
    """Let GET and HEAD of `view` read the replica; they must not write.

    Costs 1 round trip to the primary, shared by requests that wait at the same time, and 1 to the
    replica. A read that the replica fails is done again on the primary.
    """
    if REPLICA not in settings.DATABASES:
        return view

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method in ("GET", "HEAD"):
            outcome = _outcome()
            if outcome == "replica":
                try:
                    with _reading_replica():
                        response = view(request, *args, **kwargs)
                    _reads.labels(outcome).inc()
                    return response
                except _UNREACHABLE:
                    outcome = "lost"
            _reads.labels(outcome).inc()
        return view(request, *args, **kwargs)

    return answer


def failed_by_replica(error: Exception) -> bool:
    """Tell whether the replica failed the current request, so that the primary may answer it."""
    if reading_alias() != REPLICA or not isinstance(error, _UNREACHABLE):
        return False
    # A statement that took too long would take as long on the primary.
    if is_canceled(error):
        return False
    raw = connections[REPLICA].connection
    # Alive, it only gave up a query that was in the way of replaying.
    if raw is None or raw.closed:
        _lost(error)
    return True


def _outcome() -> str:
    if not _watch.is_usable():
        return "away"
    position = _primary.position()
    if position is None:
        return "away"
    connection = connections[REPLICA]
    try:
        connection.ensure_connection()
        # Past Django's cursor: what is asked before all reading is no statement of the request.
        with connection.wrap_database_errors, connection.connection.cursor() as cursor:
            is_replica, follows = cursor.execute(_FOLLOWS, [position]).fetchone()
    except _UNREACHABLE as error:
        _lost(error)
        return "lost"
    if not is_replica:
        _lost("It was promoted.")
    if not follows or not is_replica:
        connection.close()
        return "behind" if is_replica else "away"
    return "replica"


@contextmanager
def _reading_replica() -> Iterator[None]:
    token = _alias.set(REPLICA)
    connection = connections[REPLICA]
    # Who measures the statements of a request means these too.
    connection.execute_wrappers = connections[DEFAULT_DB_ALIAS].execute_wrappers
    try:
        yield
    finally:
        connection.execute_wrappers = []
        _alias.reset(token)


@contextmanager
def reading_primary() -> Iterator[None]:
    """Let the block read the primary, whatever the request reads.

    For what is kept in the cache: the replica's position was asked for before the versions of the
    value's tags were, so what it answers may be older than they are.
    """
    token = _alias.set(DEFAULT_DB_ALIAS)
    try:
        yield
    finally:
        _alias.reset(token)


def _lost(reason: object) -> None:
    _watch.lost(reason)
    connections[REPLICA].close()


class ReplicaRouter:
    """Sends the ORM where the request reads; writes, locks and sessions go to the primary."""

    def db_for_read(self, model: type[Model], **hints: Any) -> str:
        # What is read goes into the cache: older than the cache, it would stay there.
        is_kept = model._meta.db_table in settings.CACHALOT_ONLY_CACHABLE_TABLES
        is_kept = is_kept or model._meta.app_label == "sessions"
        return DEFAULT_DB_ALIAS if is_kept else reading_alias()

    def db_for_write(self, model: type[Model], **hints: Any) -> str:
        return DEFAULT_DB_ALIAS

    def allow_relation(self, first: Model, second: Model, **hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == DEFAULT_DB_ALIAS
