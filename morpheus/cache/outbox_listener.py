"""The thread of a server process that drains the outbox."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import psycopg
from django.conf import settings

from morpheus.cache import outbox

logger = logging.getLogger(__name__)

# Seconds between drains without a notification. It bounds how long a change by psql goes unnoticed
# behind a PgBouncer, where LISTEN does not work, or if a notification is lost.
POLL_S = 1.0
# Seconds before the first retry after a failure; doubled up to POLL_S.
RETRY_S = 0.05
# Seconds without the database after which the cache is not read: other processes may still write.
BLIND_S = 3.0

APPLICATION_NAME = "morpheus cache listener"


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
        invalidate: outbox.Invalidate,
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
                with outbox.connect(APPLICATION_NAME) as connection:
                    if not settings.MORPHEUS_PGBOUNCER:
                        connection.execute(f"LISTEN {outbox.CHANNEL}")
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
            while not (is_empty := outbox.is_empty(connection)):
                if not outbox.drain(self._invalidate, connection):
                    break
            return is_empty
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
