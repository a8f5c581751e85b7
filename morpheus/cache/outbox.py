"""The outbox: tags that wait in the table `cache_outbox`, and the thread that drains it.

Triggers insert the tags of changes by psql, COPY or another program in the same transaction, and
`write_transaction` defers to it while Redis is unavailable. A drain invalidates tags before it
commits the deletion of their rows. So no tag is lost; at worst it is invalidated twice.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

import psycopg
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections

logger = logging.getLogger(__name__)

CHANNEL = "cache_outbox"

# Seconds between drains without a notification. It bounds how long a change by psql goes unnoticed
# behind a PgBouncer, where LISTEN does not work, or if a notification is lost.
POLL_S = 1.0
# Seconds before the first retry after a failure; doubled up to POLL_S.
RETRY_S = 0.05
# Seconds without the database after which the cache is not read: other processes may still write.
BLIND_S = 3.0

APPLICATION_NAME = "morpheus cache listener"

Invalidate = Callable[[Sequence[str]], None]

# Concurrent drains take different rows.
_TAKE = """
DELETE FROM cache_outbox WHERE id = ANY (ARRAY(
    SELECT id FROM cache_outbox ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
)) RETURNING tag
"""
# The database and the timeline of its cluster: a restore and a failover change it. Not readable on
# a server in recovery.
IDENTITY = """
SELECT concat_ws(
    '-',
    (SELECT system_identifier FROM pg_control_system()),
    left(pg_walfile_name(pg_current_wal_lsn()), 8),
    (SELECT oid FROM pg_database WHERE datname = current_database())
)
"""
_LOOK = f"""
SELECT EXISTS (SELECT FROM cache_outbox),
       NOT EXISTS (SELECT FROM cache_database WHERE identity = ({IDENTITY}))
"""  # noqa: S608 - constants
# A second process waits for the row, and then finds it changed.
_ADOPT = f"""
WITH adopted AS (
    UPDATE cache_database SET identity = ({IDENTITY}) WHERE identity <> ({IDENTITY})
    RETURNING identity
)
SELECT cache_touch('{{all}}') FROM adopted
"""  # noqa: S608 - constants
# Without a list of collected tags, `cache_touch` inserts into the outbox.
_DEFER = """
SELECT cache_touch(%s::text[])
FROM (SELECT set_config('app.touches', '', true) OFFSET 0) collects_nothing
"""


def connect(application_name: str = "morpheus outbox") -> psycopg.Connection:
    """Return a connection to the default database outside of the pool, in autocommit.

    Raises:
        psycopg.OperationalError: The database is unavailable.
    """
    return psycopg.connect(**connection_parameters(application_name), autocommit=True)


def connection_parameters(application_name: str) -> dict[str, Any]:
    """Return the parameters of a connection to the default database outside of the pool."""
    parameters: dict[str, Any] = connections[DEFAULT_DB_ALIAS].get_connection_params()
    # Detects a server that vanished within seconds, without a limit for statements.
    own = {"connect_timeout": 2, "tcp_user_timeout": 3000, "prepare_threshold": None}
    return {**parameters, **own, "application_name": application_name}


def drain(invalidate: Invalidate, connection: psycopg.Connection, *, limit: int = 1000) -> int:
    """Invalidate the tags of up to `limit` rows and delete the rows; return their number.

    Args:
        invalidate: Called with distinct tags. The rows stay if it raises.
        connection: In autocommit.
    """
    with connection.transaction():
        tags = [tag for (tag,) in connection.execute(_TAKE, [limit])]
        if tags:
            invalidate(sorted(set(tags)))
    return len(tags)


def is_empty(connection: psycopg.Connection) -> bool:
    """Return whether no tag waits, not even one that another process is draining.

    In a database that was restored, or promoted from a replica, first insert the tag that every
    cached value carries: the cache may have values from a time that this database never had.
    """
    has_tags, is_other_database = connection.execute(_LOOK).fetchone() or (True, True)
    if is_other_database:
        logger.info("The database was made, restored or promoted: emptying the cache.")
        connection.execute(_ADOPT)
    return not (has_tags or is_other_database)


def defer(connection: psycopg.Connection, tags: Collection[str]) -> None:
    """Insert tags into the outbox, in the transaction of `connection`."""
    connection.execute(_DEFER, [list(tags)])


class OutboxListener:
    """Drains the outbox at start, at each notification, and every `poll_s` seconds.

    Its daemon thread has a connection of its own and reconnects when it loses it.

    Args:
        invalidate: Invalidates tags; raises on failure.
        on_pending: Called repeatedly while tags cannot be drained or the database is unreachable:
            cached values may be stale.
        on_drained: Called after each drain that left nothing, with the time.monotonic() of its
            start.
    """

    def __init__(
        self,
        invalidate: Invalidate,
        *,
        on_pending: Callable[[], None],
        on_drained: Callable[[float], None],
        poll_s: float = POLL_S,
    ) -> None:
        self._invalidate = invalidate
        self._on_pending = on_pending
        self._on_drained = on_drained
        self._poll_s = poll_s
        self._retry_s = RETRY_S
        self._drained_at = float("-inf")
        self._thread = threading.Thread(target=self._run, name="cache-outbox", daemon=True)

    def start(self) -> None:
        """Start the thread; call this once."""
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                with connect(APPLICATION_NAME) as connection:
                    if not settings.MORPHEUS_PGBOUNCER:
                        connection.execute(f"LISTEN {CHANNEL}")
                    while True:
                        self._drain_and_wait(connection)
            except psycopg.Error as error:
                self._warn("The cache's outbox listener lost the database: %s", error)
                if time.monotonic() - self._drained_at > BLIND_S:
                    self._on_pending()
                self._back_off()

    def _drain_and_wait(self, connection: psycopg.Connection) -> None:
        started_at = time.monotonic()
        if not self._drain(connection):
            self._on_pending()
            self._back_off()
            return
        self._retry_s = RETRY_S
        self._drained_at = started_at
        self._on_drained(started_at)
        # Ends at once if a notification came since the last wait.
        for _ in connection.notifies(timeout=self._poll_s, stop_after=1):
            pass

    def _drain(self, connection: psycopg.Connection) -> bool:
        """Drain the outbox; return whether it is empty."""
        try:
            while not is_empty(connection):
                if not drain(self._invalidate, connection):
                    return False
            return True
        except psycopg.Error:
            raise
        except Exception as error:
            self._warn("Changes wait in the cache's outbox: %r", error)
            return False

    def _warn(self, message: str, error: Exception) -> None:
        """Log a warning once for each outage."""
        if self._retry_s == RETRY_S:
            logger.warning(message, error)

    def _back_off(self) -> None:
        time.sleep(self._retry_s)
        self._retry_s = min(2 * self._retry_s, self._poll_s)
