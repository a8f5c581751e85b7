"""Uploads to parse, and workers in processes of their own."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.conf import settings
from django.core.files import File
from django.db import connection
from django_tasks import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from morpheus.db.transactions import write_transaction
from morpheus.worker.tasks import TaskRow
from novels.models import Novel, ProcessingStatus
from novels.services.uploads import novel_create_from_upload, upload_stored

PATIENCE_S = 60


@pytest.fixture
def make_upload(make_user: Callable[..., Any]) -> Callable[..., Novel]:
    """Make a novel whose upload waits for its parse."""
    ann = make_user("ann")

    def make(chapters: int = 2, words: int = 5) -> Novel:
        text = "\n\n".join(
            f"CHAPTER {number}\n\n" + " ".join(f"word{(number * i) % 997}" for i in range(words))
            for number in range(1, chapters + 1)
        ).encode()
        file = File(io.BytesIO(text), name="big.txt")
        file.size = len(text)
        with (
            upload_stored(
                owner_id=ann.pk, file=file, file_format="txt", filename="big.txt"
            ) as upload,
            write_transaction(as_user=ann.pk),
        ):
            return novel_create_from_upload(owner_id=ann.pk, upload=upload, fields={})

    return make


def status_of(novel: Novel) -> ProcessingStatus:
    with write_transaction(as_user=novel.owner_id):
        return ProcessingStatus.objects.get(pk=novel.pk)


def wait_for(is_reached: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_reached():
        assert time.monotonic() < deadline, "this never happened"
        time.sleep(0.02)


@contextmanager
def worker_process(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "manage.py", "worker", "--interval", "0.05", *arguments],
        cwd=settings.BASE_DIR,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"} | environment,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def run_under(worker_ids: list[str]) -> TaskRow:
    """Leave the one queued task running, under workers that died."""
    row = DBTaskResult.objects.get()
    row.status, row.worker_ids = TaskResultStatus.RUNNING, worker_ids
    row.save()
    return row


def expire_leases() -> None:
    """Let the time pass after which the leases of killed or paused workers expire."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE worker_lease SET expires_at = clock_timestamp()")


def read_leases() -> dict[str, float]:
    """Return the seconds until each lease expires, by worker."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT worker_id, extract(epoch FROM expires_at - clock_timestamp())::float8 "
            "FROM worker_lease"
        )
        return dict(cursor.fetchall())
