"""How far the primary has written, and whether there is a replica that follows it."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections

from morpheus.django_internals.django import close_pool
from morpheus.django_internals.psycopg import TimedConnection
from morpheus.tracing.request_trace import REPLICA

logger = logging.getLogger(__name__)

# Seconds between two looks for a replica that is gone.
LOOK_INTERVAL_S = 1.0

# Everything that was acknowledged lies before this. A commit is acknowledged when it was flushed;
# with `synchronous_commit` off, when it was inserted.
_WRITTEN = """
SELECT (CASE current_setting('synchronous_commit')
    WHEN 'off' THEN pg_current_wal_insert_lsn()
    ELSE pg_current_wal_flush_lsn()
END)::text
"""
# Which data, and whom row level security takes us for.
_CLUSTER = """
SELECT pg_is_in_recovery(), system_identifier, current_database()::text, current_user::text
FROM pg_control_system()
"""


class Primary:
    """Tells how far the primary has written, over a connection of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: psycopg.Connection | None = None
        self._asked = 0
        self._position: str | None = None

    def position(self) -> str | None:
        """Return a position that is no older than this call: at most 1 round trip.

        Calls that wait at the same time share an answer. None: the primary is out of reach.
        """
        before = self._asked
        with self._lock:
            # A question that began after we came is ours as well; an earlier one may be too old.
            if self._asked == before:
                self._asked += 1
                self._position = self._ask()
            return self._position

    def _ask(self) -> str | None:
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
            # The server may have been restarted since it was asked last.
            return self._ask() if was_open else None


class ReplicaMonitor:
    """Knows whether the replica may be asked.

    It may not until it was seen, and not after a failure until it is seen again. A thread looks for
    it, so that no request waits for a server that does not answer.
    """

    def __init__(self) -> None:
        self._is_usable = False
        self._obstacle = ""
        self._start = threading.Lock()
        self._thread: threading.Thread | None = None

    def is_usable(self) -> bool:
        """Tell whether the replica answered when last heard of; if not, have it looked for."""
        if not self._is_usable:
            with self._start:
                if self._thread is None or not self._thread.is_alive():
                    self._thread = threading.Thread(target=self._look, daemon=True)
                    self._thread.start()
        return self._is_usable

    def lost(self, reason: object) -> None:
        """Ask the replica nothing more until it was seen again."""
        self._is_usable = False
        self._note(str(reason))

    def _look(self) -> None:
        # Its broken connections would be replaced ever more slowly: begin with a new pool.
        close_pool(connections[REPLICA])
        while obstacle := _obstacle():
            self._note(obstacle)
            time.sleep(LOOK_INTERVAL_S)
        self._note("")
        self._is_usable = True

    def _note(self, obstacle: str) -> None:
        """Log what has changed, at a level that is logged by default."""
        if obstacle and obstacle != self._obstacle:
            logger.warning("Reads go to the primary, not to the replica: %s", obstacle.strip())
        elif self._obstacle and not obstacle:
            logger.warning("Reads go to the replica again.")
        self._obstacle = obstacle


def _obstacle() -> str:
    """Return why the replica cannot be used, empty if it can."""
    try:
        with _connect(DEFAULT_DB_ALIAS) as primary, _connect(REPLICA) as replica:
            ours = primary.execute(_CLUSTER).fetchone()
            found = replica.execute(_CLUSTER).fetchone()
    except psycopg.Error as error:
        return str(error)
    if not ours or not found or found[1:] != ours[1:]:
        return (
            "DATABASE_REPLICA_URL must name a replica of the server that DATABASE_URL names, the "
            "same database and the same login."
        )
    return "" if found[0] else "It was promoted: it is no replica any more."


def _connect(alias: str) -> psycopg.Connection:
    parameters: dict[str, Any] = connections[alias].get_connection_params()
    return TimedConnection.connect(**{"connect_timeout": 2} | parameters, autocommit=True)
