"""Gauges of the task queue: waiting tasks and their age."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from django_tasks_db.models import DBTaskResult
from prometheus_client import REGISTRY

from novels.tasks import parse_upload
from perf.monitoring.task_queue import update_queue_gauges


def read_gauges() -> tuple[float | None, float | None]:
    update_queue_gauges()
    return (
        REGISTRY.get_sample_value("morpheus_worker_queue_tasks"),
        REGISTRY.get_sample_value("morpheus_worker_queue_age_seconds"),
    )


@pytest.mark.django_db(transaction=True)
def test_waiting_tasks_are_counted_with_the_age_of_the_oldest() -> None:
    assert read_gauges() == (0, 0)

    parse_upload.enqueue(novel_id=1, owner_id=1, given=[])
    parse_upload.enqueue(novel_id=2, owner_id=1, given=[])
    first = DBTaskResult.objects.earliest("enqueued_at")
    earlier = timezone.now() - timedelta(minutes=10)
    DBTaskResult.objects.filter(pk=first.pk).update(enqueued_at=earlier)

    tasks, age_s = read_gauges()
    assert tasks == 2
    assert age_s is not None and 600 <= age_s < 700
