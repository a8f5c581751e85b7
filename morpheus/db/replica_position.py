"""WAL position of the primary, and availability of the replica."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections

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
