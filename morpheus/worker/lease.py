"""The lease that shows that a worker is alive.

A row that a thread of the worker renews by a short statement, so that no transaction and no lock
stays open. It expires by the database's clock, also when the process or its machine is paused.
"""

from __future__ import annotations

import logging
import threading
import uuid
from contextlib import suppress

from django.db import Error, connection

logger = logging.getLogger(__name__)

# Five renewals may fail before other workers take the tasks over.
LEASE_S = 30.0
HEARTBEAT_S = 5.0

_GRANT = """
INSERT INTO worker_lease (expires_at, worker_id)
VALUES (clock_timestamp() + make_interval(secs => %s), %s)
ON CONFLICT (worker_id) DO UPDATE SET expires_at = excluded.expires_at
"""
_RENEW = """
UPDATE worker_lease SET expires_at = clock_timestamp() + make_interval(secs => %s)
WHERE worker_id = %s
"""


class Lease:
    """A worker's id, with a lease that a thread renews while the block runs."""

    def __init__(self) -> None:
        self.worker_id = uuid.uuid4().hex
        self._ended = threading.Event()

    def __enter__(self) -> Lease:
        self.grant()
        threading.Thread(target=self._keep_renewed, name="heartbeat", daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        with suppress(Error):  # Without a database, the lease expires by itself.
            _execute("DELETE FROM worker_lease WHERE worker_id = %s", self.worker_id)

    def grant(self) -> None:
        """Renew the lease, also an expired one; claim a task in the same transaction."""
        _execute(_GRANT, LEASE_S, self.worker_id)

    def _keep_renewed(self) -> None:
        while not self._ended.wait(HEARTBEAT_S):
            try:
                if not _execute(_RENEW, LEASE_S, self.worker_id):
                    logger.warning("Worker %s: the lease has expired.", self.worker_id)
            except Exception as error:  # The next renewal may succeed.
                logger.warning("Worker %s: the lease was not renewed: %s", self.worker_id, error)
            finally:
                connection.close()


def read_leased_ids() -> set[str]:
    """Return the ids of the workers that are alive, after removing expired leases."""
    _execute("DELETE FROM worker_lease WHERE expires_at <= clock_timestamp()")
    with connection.cursor() as cursor:
        cursor.execute("SELECT worker_id FROM worker_lease")
        return {worker_id for (worker_id,) in cursor.fetchall()}


def _execute(statement: str, *parameters: float | str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.rowcount)
