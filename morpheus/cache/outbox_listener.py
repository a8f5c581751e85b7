"""The thread of a server process that brings the outbox's tags to the cache."""

from __future__ import annotations

import logging
import selectors
import socket
import threading
import time
from collections.abc import Callable

import psycopg
from django.conf import settings

from morpheus.cache import outbox

logger = logging.getLogger(__name__)

# Seconds between two looks at the outbox; with PgBouncer, behind which nobody can LISTEN, this is
# how long a change by psql may stay unnoticed, and otherwise if a notification is lost.
POLL_S = 1.0
# Seconds before what failed is tried again, doubled up to POLL_S.
RETRY_S = 0.05
# Seconds without the database after which the cache is not trusted: others may still write there.
BLIND_S = 3.0

APPLICATION_NAME = "morpheus cache listener"


class Listener:
    """Drains the outbox at start, at each notification, and every `poll_s` seconds.

    Its thread is a daemon with a connection of its own, which it opens again when it is lost.

    Attributes:
        confirmed_at: When the outbox was last seen empty; time.monotonic().
    """

    def __init__(
        self,
        renew: outbox.Renew,
        *,
        on_pending: Callable[[], None],
        on_drained: Callable[[float], None],
        poll_s: float = POLL_S,
    ) -> None:
        """Keep what is called from the thread.

        Args:
            renew: Gives tags new versions; raises if that failed.
            on_pending: Tags wait that could not be drained, or the database is out of sight: what
                this process finds in the cache may be stale. Called again and again meanwhile.
            on_drained: There is nothing more that waits. Called after each look with the time
                when it began; time.monotonic().
        """
        self._renew = renew
        self._on_pending = on_pending
        self._on_drained = on_drained
        self._poll_s = poll_s
        self._listens = not getattr(settings, "MORPHEUS_PGBOUNCER", False)
        self._stopping = threading.Event()
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="cache-outbox", daemon=True)
        self._notified = False
        self._pause_s = RETRY_S
        self.confirmed_at = float("-inf")

    def start(self) -> None:
        """Begin to listen; once only."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it; once it has ended, do nothing."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._wake.send(b"!")
        self._thread.join()
        self._wake.close()
        self._woken.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with outbox.connect(APPLICATION_NAME) as connection:
                    self._begin(connection)
                    self._serve(connection)
            except psycopg.Error as error:
                self._warn("The cache's listener lost the database: %s", error)
                if time.monotonic() - self.confirmed_at > BLIND_S:
                    self._on_pending()
                self._back_off()

    def _begin(self, connection: psycopg.Connection) -> None:
        connection.add_notify_handler(self._hear)
        if self._listens:
            connection.execute(f"LISTEN {outbox.CHANNEL}")

    def _hear(self, notification: object) -> None:
        self._notified = True

    def _serve(self, connection: psycopg.Connection) -> None:
        while not self._stopping.is_set():
            self._notified = False
            looked_at = time.monotonic()
            if not self._drained(connection):
                self._on_pending()
                self._back_off()
                continue
            self._pause_s = RETRY_S
            self.confirmed_at = looked_at
            self._on_drained(looked_at)
            # A notification that came with the last answer is of a later change, perhaps.
            if not self._notified:
                self._wait(connection)

    def _drained(self, connection: psycopg.Connection) -> bool:
        """Drain what is there; tell whether nothing is left, in other hands either."""
        try:
            while not (empty := outbox.is_empty(connection)):
                if not outbox.drain(self._renew, connection=connection):
                    break
            return empty
        except psycopg.Error:
            raise
        except Exception as error:
            self._warn("Changes wait in the cache's outbox: %r", error)
            return False

    def _warn(self, message: str, error: Exception) -> None:
        """Say it once for each outage, not at each attempt."""
        if self._pause_s == RETRY_S:
            logger.warning(message, error)

    def _back_off(self) -> None:
        self._stopping.wait(self._pause_s)
        self._pause_s = min(2 * self._pause_s, self._poll_s)

    def _wait(self, connection: psycopg.Connection) -> None:
        """Return when the server has something to say, when stopped, or after `poll_s`."""
        with selectors.DefaultSelector() as selector:
            selector.register(connection.fileno(), selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            selector.select(self._poll_s)
