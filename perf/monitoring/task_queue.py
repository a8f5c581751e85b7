"""Gauges of the worker's task queue."""

from __future__ import annotations

import logging

from django.db import DatabaseError, connection
from django_tasks_db.models import DBTaskResult
from prometheus_client import Gauge

logger = logging.getLogger(__name__)

_WAITING = f"""
SELECT count(*), COALESCE(EXTRACT(EPOCH FROM now() - min(enqueued_at)), 0)
FROM {DBTaskResult._meta.db_table}
WHERE status = 'READY' AND (run_after IS NULL OR run_after <= now())
"""  # noqa: S608 - a table name of our own

# All processes read the same queue, so their gauges must not be added.
_tasks = Gauge(
    "morpheus_worker_queue_tasks",
    "Tasks that wait for a worker.",
    multiprocess_mode="livemostrecent",
)
_age = Gauge(
    "morpheus_worker_queue_age_seconds",
    "Waiting time of the oldest task.",
    multiprocess_mode="livemostrecent",
)


def update_queue_gauges() -> None:
    """Count the waiting tasks, and return the connection to the pool at once."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(_WAITING)
            count, age_s = cursor.fetchone()
    except DatabaseError as error:
        logger.warning("The task queue could not be read: %s", error)
    else:
        _tasks.set(count)
        _age.set(age_s)
    finally:
        connection.close()
