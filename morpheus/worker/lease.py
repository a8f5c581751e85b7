"""Which workers are alive, and what becomes of the tasks of those that are not."""

from __future__ import annotations

import logging
import uuid
from typing import Any

import psycopg
from django.db import connection, transaction
from django_tasks import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from novels.services import status_fail
from novels.tasks import parse_upload

logger = logging.getLogger(__name__)

# How often a task is begun; a file that kills its worker each time must not do so for ever.
MAX_ATTEMPTS = 3
GIVEN_UP = (
    f"The worker stopped {MAX_ATTEMPTS} times in the middle of this file, so it was given up. "
    "Its operator finds the reason in the log and may parse it again."
)

# Both sides of a lock's key: the id of the worker that holds it.
_KEY = "hashtextextended(%s, 0)"


class TaskLost(Exception):
    """A task's workers died in the middle of it, as often as is tolerated."""


class Presence:
    """A worker's id, and a lock under it that PostgreSQL releases when the process is gone.

    The lock is on a connection of its own: one of the pool could be closed or handed on. It belongs
    to a transaction that stays open, because PgBouncer keeps a session of PostgreSQL for no longer;
    between its statements such a transaction has no snapshot, so that it keeps no
    row alive; but `CREATE INDEX CONCURRENTLY` waits for it (docs/processing.md).
    """

    def __init__(self) -> None:
        self.worker_id = uuid.uuid4().hex
        with connection.wrap_database_errors:
            self._connection = psycopg.connect(**connection.get_connection_params())
            self._connection.execute(f"SELECT pg_advisory_xact_lock({_KEY})", [self.worker_id])
            # A machine that vanished without a word is noticed within a minute. The last statement
            # has no parameters: PostgreSQL keeps the snapshot of one that has until the next.
            self._connection.execute(
                "SELECT set_config('tcp_keepalives_idle', '30', true), "
                "set_config('tcp_keepalives_interval', '10', true), "
                "set_config('tcp_keepalives_count', '3', true), "
                "set_config('idle_in_transaction_session_timeout', '0', true)"
            )

    def confirm(self) -> None:
        """Make sure that the lock is still held.

        Raises:
            OperationalError: The connection was lost, and the lock with it.
        """
        with connection.wrap_database_errors:
            self._connection.execute("SELECT 1")

    def close(self) -> None:
        """Give the lock back."""
        self._connection.close()


def lost_tasks_return() -> int:
    """Queue the running tasks of dead workers again; return how many.

    After `MAX_ATTEMPTS` a task is failed instead, and the status of its novel says so.
    """
    returned = 0
    with transaction.atomic():
        for row in DBTaskResult.objects.running().select_for_update(skip_locked=True):
            if not _worker_is_dead(row):
                continue
            if len(row.worker_ids) < MAX_ATTEMPTS:
                logger.warning("Task %s lost its worker and is queued again.", row.pk)
                row.status = TaskResultStatus.READY
                row.save(update_fields=["status"])
                returned += 1
            else:
                _give_up(row)
    return returned


def _worker_is_dead(row: DBTaskResult[..., Any]) -> bool:
    with connection.cursor() as cursor:
        # Held until the end of this transaction, in which the dead worker's id gets no new owner.
        cursor.execute(f"SELECT pg_try_advisory_xact_lock({_KEY})", [row.worker_ids[-1]])
        return bool(cursor.fetchone()[0])


def _give_up(row: DBTaskResult[..., Any]) -> None:
    logger.error("Task %s lost its worker %s times and is given up.", row.pk, MAX_ATTEMPTS)
    row.set_failed(TaskLost(GIVEN_UP))
    if row.task_path == parse_upload.module_path:
        given = row.args_kwargs["kwargs"]
        status_fail(novel_id=given["novel_id"], owner_id=given["owner_id"], message=GIVEN_UP)
