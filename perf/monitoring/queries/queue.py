"""The queue of tasks, as Prometheus sees it."""

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
"""  # noqa: S608 - a name of ours

# All processes look at the same queue.
_tasks = Gauge(
    "morpheus_worker_queue_tasks",
    "Tasks that wait for a worker.",
    multiprocess_mode="livemostrecent",
)
_age = Gauge(
    "morpheus_worker_queue_age_seconds",
    "How long the oldest of them has waited.",
    multiprocess_mode="livemostrecent",
)


def look_at_queue() -> None:
    """Count what waits, on a connection that is given back at once."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(_WAITING)
            count, age_s = cursor.fetchone()
    except DatabaseError as error:
        logger.warning("The queue of tasks could not be read: %s", error)
    else:
        _tasks.set(count)
        _age.set(age_s)
    finally:
        connection.close()
