"""Which worker a task belongs to, and what becomes of the tasks of dead workers.

A task belongs to the worker that claimed it last. A paused worker may come back after its lease
expired and its task was queued again; so each write of a task begins with `hold_task`.
"""

from __future__ import annotations

import logging
from contextvars import ContextVar
from typing import Any
from uuid import UUID

import orjson
from django.db import transaction
from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast
from django.dispatch import Signal
from django_tasks import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from morpheus.db.compiled_reads import CompiledRead
from morpheus.worker.lease import Lease, read_leased_ids

logger = logging.getLogger(__name__)

TaskRow = DBTaskResult[..., Any]

# How often a task is begun: a file that kills its worker each time must not do so for ever.
MAX_ATTEMPTS = 3

# Sent with the task's `row`, in the transaction that fails it.
task_given_up = Signal()

running_task: ContextVar[TaskRow | None] = ContextVar("running_task", default=None)


_LOCKED = CompiledRead(
    UUID,
    build=lambda pk: (
        DBTaskResult.objects.filter(pk=pk)
        .select_for_update()
        # A compiled read has no JSON of Python's.
        .values_list("status", Cast("worker_ids", TextField()))
    ),
)


class TaskLost(Exception):
    """The workers of a task died while they ran it, as often as is tolerated."""


class TaskTakenOver(Exception):
    """The worker's lease expired, and its task was queued again."""


def claim_task(lease: Lease) -> TaskRow | None:
    """Give the next queued task to the worker of `lease`."""
    with transaction.atomic():
        row = DBTaskResult.objects.ready().get_locked()
        if row is not None:
            row.claim(lease.worker_id)
            lease.grant()
        return row


def select_owned(row: TaskRow) -> QuerySet[TaskRow]:
    """Select the row, if this is the task's last attempt and it still runs."""
    return DBTaskResult.objects.running().filter(pk=row.pk, worker_ids=row.worker_ids)


def hold_task() -> None:
    """Let no other worker take the running task before the caller's transaction ends.

    Outside of a worker it does nothing.

    Raises:
        TaskTakenOver: Another worker has it already; write nothing.
    """
    row = running_task.get()
    if row is None:
        return
    held = [(status, orjson.loads(ids)) for status, ids in _LOCKED.rows(row.pk)]
    if held != [(TaskResultStatus.RUNNING, row.worker_ids)]:
        raise TaskTakenOver(f"Task {row.pk} belongs to another worker.")


def requeue_lost_tasks() -> int:
    """Queue the running tasks of dead workers again; return how many.

    After `MAX_ATTEMPTS` a task fails instead.
    """
    requeued = 0
    with transaction.atomic():
        rows = list(DBTaskResult.objects.running().select_for_update(skip_locked=True))
        # After the rows: each was claimed in the transaction that granted its worker's lease.
        leased_ids = read_leased_ids()
        for row in rows:
            if row.worker_ids[-1] in leased_ids:
                continue
            if len(row.worker_ids) < MAX_ATTEMPTS:
                logger.warning("Task %s lost its worker and is queued again.", row.pk)
                row.status = TaskResultStatus.READY
                row.save(update_fields=["status"])
                requeued += 1
            else:
                logger.error("Task %s lost its worker too often and is given up.", row.pk)
                row.set_failed(TaskLost(f"The worker stopped {MAX_ATTEMPTS} times in it."))
                task_given_up.send(DBTaskResult, row=row)
    return requeued
