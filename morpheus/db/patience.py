"""Connections that do not wait for ever for a server that stands still."""

from __future__ import annotations

from typing import Any

import psycopg
from django.conf import settings
from psycopg.abc import RV, PQGen
from psycopg.pq import TransactionStatus


class PatientConnection(psycopg.Connection[Any]):
    """A connection that is closed when a statement takes `MORPHEUS_REPLICA_TIMEOUT_S`.

    Nothing else ends the waiting for a server that is stopped and not gone: its network answers.
    """

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        try:
            return super().wait(gen, interval, timeout or settings.MORPHEUS_REPLICA_TIMEOUT_S)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.close()  # The answer may still come, and would be taken for another one's.
            raise
