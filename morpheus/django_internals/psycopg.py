"""Private parts of psycopg."""

from __future__ import annotations

from typing import Any

import psycopg
from django.conf import settings
from psycopg.abc import RV, PQGen
from psycopg.pq import TransactionStatus


class TimedConnection(psycopg.Connection[Any]):
    """A connection that is closed when a statement takes `MORPHEUS_REPLICA_TIMEOUT_S`.

    No timeout in public ends the wait for a server that is stopped and not gone: its network still
    responds.
    """

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        try:
            return super().wait(gen, interval, timeout or settings.MORPHEUS_REPLICA_TIMEOUT_S)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.close()  # The result may still come, and would be taken for another one.
            raise
