"""The process that runs background tasks.

The loop is our own and not `db_worker` of the tasks package: that one keeps a task of a killed
worker RUNNING for ever, fails a task for good when the database restarts or the process is asked to
stop twice, and ends with its first lost connection (docs/processing.md).
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from django.db import (
    InterfaceError,
    OperationalError,
    close_old_connections,
    connection,
    transaction,
)
from django_tasks import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from morpheus.django_internals.cachalot import forget_failed_transactions
from morpheus.http.disk_space import is_disk_full
from morpheus.worker.lease import Presence, lost_tasks_return

logger = logging.getLogger(__name__)

# Seconds between two looks for tasks whose worker died.
SWEEP_INTERVAL_S = 60.0
# Seconds between two attempts to reach a database that is gone: doubled from first to last.
FIRST_PAUSE_S, LAST_PAUSE_S = 0.5, 15.0

UNREACHABLE = (OperationalError, InterfaceError)


class Worker:
    """Runs queued tasks one after another, until it is stopped."""

    def __init__(self, *, interval_s: float) -> None:
        self.interval_s = interval_s
        self.stopping = threading.Event()
        self._pause_s = FIRST_PAUSE_S

    def stop(self) -> None:
        """Finish the task in progress, then end."""
        self.stopping.set()

    def drain(self) -> None:
        """Run what is queued, and return.

        Raises:
            OperationalError: The database is out of reach.
        """
        self._work(until_empty=True)

    def run(self) -> None:
        """Run tasks until stopped; a database that is gone is waited for."""
        while not self.stopping.is_set():
            try:
                self._work(until_empty=False)
            except UNREACHABLE as error:
                logger.error("Worker: database out of reach, or full: %s", error)
                connection.close()
                # A parse is not begun again and again while its result cannot be stored.
                self.stopping.wait(LAST_PAUSE_S if is_disk_full(error) else self._pause_s)
                self._pause_s = min(2 * self._pause_s, LAST_PAUSE_S)

    def _work(self, *, until_empty: bool) -> None:
        presence = Presence()
        self._pause_s = FIRST_PAUSE_S
        try:
            self._serve(presence, until_empty)
        finally:
            presence.close()

    def _serve(self, presence: Presence, until_empty: bool) -> None:
        swept_at = float("-inf")
        while not self.stopping.is_set():
            _connections_tidy()
            if time.monotonic() - swept_at >= SWEEP_INTERVAL_S:
                presence.confirm()
                lost_tasks_return()
                swept_at = time.monotonic()
            row = _claim(presence.worker_id)
            if row is not None:
                _run(row)
            elif until_empty:
                return
            else:
                _connections_tidy()  # Waiting, we keep none.
                self.stopping.wait(self.interval_s)


def _connections_tidy() -> None:
    """Do between two tasks what is done between two requests."""
    forget_failed_transactions()
    if not connection.in_atomic_block:  # As in a test, which is one transaction.
        close_old_connections()


def _claim(worker_id: str) -> DBTaskResult[..., Any] | None:
    with transaction.atomic():
        row = DBTaskResult.objects.ready().get_locked()
        if row is not None:
            row.claim(worker_id)
        return row


def _run(row: DBTaskResult[..., Any]) -> None:
    """Run one task and write how it ended.

    Raises:
        OperationalError: The database is out of reach; the task stays RUNNING under a worker's id
            whose lock is about to go, and is queued again. So it does if the process is ended.
    """
    given = row.args_kwargs
    try:
        value = row.task.call(*given["args"], **given["kwargs"])
    except UNREACHABLE as error:
        if is_disk_full(error):
            _put_back(row)
        raise
    except Exception as error:
        logger.exception("Task %s failed.", row.pk)
        row.set_failed(error)
    else:
        row.set_successful(value)


def _put_back(row: DBTaskResult[..., Any]) -> None:
    """Queue a task as if it had not been begun: what stopped it is no fault of its file."""
    row.status = TaskResultStatus.READY
    row.worker_ids = row.worker_ids[:-1]
    try:
        row.save(update_fields=["status", "worker_ids"])
    except UNREACHABLE as error:
        logger.error("Task %s stays with this worker, and is queued again later: %s", row.pk, error)
