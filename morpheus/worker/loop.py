"""The loop that runs background tasks.

Not `db_worker` of the tasks package: it keeps a task of a killed worker RUNNING for ever, fails a
task for good when the database restarts, and ends with its first lost connection
(docs/processing.md).
"""

from __future__ import annotations

import logging
import threading
import time
from traceback import format_exception
from typing import Any

from django.db import InterfaceError, OperationalError, close_old_connections, connection
from django.utils import timezone
from django_tasks import TaskResultStatus

from morpheus.http.disk_space import is_disk_full
from morpheus.storage.files import StorageUnavailable
from morpheus.worker.lease import Lease
from morpheus.worker.tasks import (
    TaskRow,
    TaskTakenOver,
    claim_task,
    requeue_lost_tasks,
    running_task,
    select_owned,
)

logger = logging.getLogger(__name__)

SWEEP_INTERVAL_S = 10.0
# Seconds between two attempts to reach a lost database: doubled from first to last.
FIRST_PAUSE_S, LAST_PAUSE_S = 0.5, 15.0

UNREACHABLE = (OperationalError, InterfaceError)


class WorkerInterrupted(KeyboardInterrupt):
    """The worker must end at once. psycopg cancels the statement for a KeyboardInterrupt alone."""


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
        """Run the queued tasks, then return.

        Raises:
            OperationalError: The database is out of reach.
        """
        self._work(until_empty=True)

    def run(self) -> None:
        """Run tasks until stopped; wait for a database or object store out of reach."""
        while not self.stopping.is_set():
            try:
                self._work(until_empty=False)
            except (*UNREACHABLE, StorageUnavailable) as error:
                logger.error("Worker: database or object store out of reach, or full: %s", error)
                connection.close()
                # Do not repeat a parse while its result cannot be stored.
                self.stopping.wait(LAST_PAUSE_S if is_disk_full(error) else self._pause_s)
                self._pause_s = min(2 * self._pause_s, LAST_PAUSE_S)

    def _work(self, *, until_empty: bool) -> None:
        # A new lease after each failure: the task that met it belongs to the old one.
        with Lease() as lease:
            self._pause_s = FIRST_PAUSE_S
            swept_at = float("-inf")
            while not self.stopping.is_set():
                release_connections()
                if time.monotonic() - swept_at >= SWEEP_INTERVAL_S:
                    requeue_lost_tasks()
                    swept_at = time.monotonic()
                row = claim_task(lease)
                if row is not None:
                    _run(row)
                elif until_empty:
                    return
                else:
                    release_connections()  # An idle worker keeps none.
                    self.stopping.wait(self.interval_s)


def release_connections() -> None:
    """Do between two tasks what Django does between two requests."""
    if not connection.in_atomic_block:  # As in a test, which is one transaction.
        close_old_connections()


def _run(row: TaskRow) -> None:
    """Run one task and write its result.

    Raises:
        OperationalError: The database is out of reach. The task stays RUNNING under a lease that
            ends now, and is queued again.
        WorkerInterrupted, StorageUnavailable: The task is queued again.
    """
    arguments = row.args_kwargs
    token = running_task.set(row)
    try:
        value = row.task.call(*arguments["args"], **arguments["kwargs"])
    except (*UNREACHABLE, StorageUnavailable) as error:
        if is_disk_full(error) or isinstance(error, StorageUnavailable):
            _put_back(row)
        raise
    except WorkerInterrupted:
        connection.close()  # It may be in the middle of a statement.
        _put_back(row)
        raise
    except TaskTakenOver as error:
        logger.warning("%s", error)
    except Exception as error:
        logger.exception("Task %s failed.", row.pk)
        path = f"{type(error).__module__}.{type(error).__qualname__}"
        text = "".join(format_exception(error))
        _finish(row, TaskResultStatus.FAILED, exception_class_path=path, traceback=text)
    else:
        _finish(row, TaskResultStatus.SUCCESSFUL, return_value=value)
    finally:
        running_task.reset(token)


def _finish(row: TaskRow, status: TaskResultStatus, **result: Any) -> None:
    if not select_owned(row).update(status=status, finished_at=timezone.now(), **result):
        logger.warning("Task %s belongs to another worker, which writes its result.", row.pk)


def _put_back(row: TaskRow) -> None:
    """Queue the task again without counting the attempt: its file is not the reason."""
    try:
        select_owned(row).update(status=TaskResultStatus.READY, worker_ids=row.worker_ids[:-1])
    except UNREACHABLE as error:
        logger.error("Task %s is queued again when the lease ends: %s", row.pk, error)
