"""Gauges of the worker's task queue."""

from __future__ import annotations

import logging

from django.db import DatabaseError, connection
from django.db.models import Count, Min
from django.utils import timezone
from django_tasks_db.models import DBTaskResult
from prometheus_client import Gauge

logger = logging.getLogger(__name__)

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
        waiting = DBTaskResult.objects.ready()
        totals = waiting.aggregate(tasks=Count("pk"), oldest=Min("enqueued_at"))
    except DatabaseError as error:
        logger.warning("The task queue could not be read: %s", error)
    else:
        now = timezone.now()
        _tasks.set(totals["tasks"])
        _age.set((now - (totals["oldest"] or now)).total_seconds())
    finally:
        connection.close()
