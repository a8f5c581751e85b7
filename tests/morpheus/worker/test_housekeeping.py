"""Housekeeping: what it deletes of all users, and what it leaves."""

from __future__ import annotations

import io
import logging
import os
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.contrib.sessions.models import Session
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from django_tasks import TaskResultStatus
from django_tasks_db.models import DBTaskResult
from pytest_django import Settings

from morpheus.db.transactions import write_transaction
from morpheus.worker import housekeeping
from morpheus.worker.housekeeping import BATCH, FILE_AGE, TASK_AGE, TooManyStrays, run_jobs
from novels.models import NovelUpload
from perf.models import SlowQuery
from perf.monitoring.slow_queries.storage import ROW_AGE
from tests.conftest import as_staff
from users.models import AccessToken

pytestmark = pytest.mark.django_db(transaction=True)

NOW = timezone.now()
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def own_files(tmp_path: Path, settings: Settings) -> Path:
    """Give the test storages of its own."""
    for alias in ("uploads", "images"):
        own = settings.STORAGES[alias] | {"OPTIONS": {"location": tmp_path / alias}}
        settings.STORAGES = settings.STORAGES | {alias: own}
    return tmp_path


def make_sessions(count: int, *, ended: bool) -> None:
    end = NOW - HOUR if ended else NOW + HOUR
    Session.objects.bulk_create(
        Session(session_key=f"{ended}{number}", session_data="", expire_date=end)
        for number in range(count)
    )


def make_task(status: TaskResultStatus, age: timedelta) -> None:
    task = DBTaskResult.objects.create(
        status=status, task_path="x", backend_name="default", args_kwargs={}, run_after=NOW
    )
    is_finished = status in (TaskResultStatus.SUCCESSFUL, TaskResultStatus.FAILED)
    DBTaskResult.objects.filter(pk=task.pk).update(
        enqueued_at=NOW - age, finished_at=NOW - age if is_finished else None
    )


def write_old_file(alias: str, name: str) -> Path:
    storages[alias].save(name, io.BytesIO(b"x"))
    return make_old(Path(storages[alias].path(name)))


def make_old(path: Path) -> Path:
    then = time.time() - FILE_AGE.total_seconds() - 60
    os.utime(path, (then, then))
    return path


def test_expired_sessions_go_in_short_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    make_sessions(2 * BATCH + 1, ended=True)
    make_sessions(3, ended=False)
    sizes = []

    def count(**options: Any) -> Any:
        sizes.append(Session.objects.count())
        return write_transaction(**options)

    monkeypatch.setattr(housekeeping, "write_transaction", count)

    assert housekeeping.delete_expired_sessions() == 2 * BATCH + 1
    assert housekeeping.delete_expired_sessions() == 0

    assert sizes == [2 * BATCH + 4, BATCH + 4, 4, 3]
    assert Session.objects.count() == 3


def test_tokens_of_all_users_go_when_they_expired(make_user: Callable[..., Any]) -> None:
    for name in ("ann", "ben"):
        user = make_user(name)
        with as_staff():
            for number, end in enumerate((NOW - HOUR, NOW + HOUR)):
                digest = f"{name}{number}".encode()
                AccessToken.objects.create(user=user, digest=digest, expires_at=end)

    assert run_jobs()["tokens"] == 2

    with as_staff():
        digests = {bytes(token.digest) for token in AccessToken.objects.all()}
    assert digests == {b"ann1", b"ben1"}


def test_finished_tasks_go_when_they_are_old_and_others_never() -> None:
    old, new = TASK_AGE + HOUR, TASK_AGE - HOUR
    for status in TaskResultStatus:
        make_task(status, old)
        make_task(status, new)

    assert run_jobs()["tasks"] == 2

    left = DBTaskResult.objects.values_list("status", flat=True)
    assert len(left) == 2 * len(TaskResultStatus) - 2


def test_slow_queries_go_a_month_after_they_were_slow() -> None:
    with as_staff():
        for number, age in enumerate((ROW_AGE + HOUR, ROW_AGE - HOUR)):
            query = SlowQuery(fingerprint=str(number), last_seen=NOW - age, count=1)
            query.worst_ms = query.last_ms = 1.0
            query.save()

    assert run_jobs()["slow_queries"] == 1

    with as_staff():
        assert SlowQuery.objects.get().fingerprint == "1"


def test_uploads_without_a_row_go_and_private_ones_of_any_user_stay(
    make_upload: Callable[..., Any],
) -> None:
    novel = make_upload()
    with as_staff():
        path = make_old(Path(storages["uploads"].path(NovelUpload.objects.get(novel=novel).path)))
    stray = write_old_file("uploads", f"novels/ab/{uuid4().hex}.txt")
    operators_own = write_old_file("uploads", "novels/ab/README.txt")
    new = Path(storages["uploads"].path(f"novels/ab/{uuid4().hex}.epub"))
    new.write_bytes(b"x")

    assert run_jobs()["upload_files"] == 1
    assert run_jobs()["upload_files"] == 0

    assert not stray.exists()
    assert path.exists() and operators_own.exists() and new.exists()


def test_files_of_another_database_are_not_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "FEW_FILES", 2)
    paths = [write_old_file("uploads", f"novels/ab/{uuid4().hex}.txt") for _ in range(3)]

    result = run_jobs()["upload_files"]

    assert isinstance(result, TooManyStrays)
    assert "3 of 3 files" in str(result)
    assert all(path.exists() for path in paths)


def test_two_runs_at_once_share_the_rows(psql: psycopg.Connection) -> None:
    make_sessions(10, ended=True)
    # As the first one does in its transaction.
    with psql.transaction():
        psql.execute("SELECT FROM django_session ORDER BY session_key LIMIT 4 FOR UPDATE")

        assert housekeeping.delete_expired_sessions() == 6

    results: list[int] = []

    def run() -> None:
        try:
            results.append(housekeeping.delete_expired_sessions())
        finally:
            connection.close()

    make_sessions(3 * BATCH, ended=False)
    Session.objects.update(expire_date=NOW - HOUR)
    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(results) == 3 * BATCH + 4
    assert not Session.objects.exists()


def test_the_command_reports_each_job_and_fails_with_one(
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_sessions(2, ended=True)
    caplog.set_level(logging.INFO, "morpheus.worker.housekeeping")

    call_command("housekeeping")

    assert "sessions: 2 deleted\n" in capsys.readouterr().out
    [record] = [each for each in caplog.records if each.getMessage() == "housekeeping"]
    assert vars(record)["fields"]["sessions"] == 2

    def fail() -> int:
        raise OSError("The disk is gone.")

    monkeypatch.setitem(housekeeping.jobs, "sessions", fail)
    with pytest.raises(CommandError):
        call_command("housekeeping")
    captured = capsys.readouterr()
    assert "sessions: FAIL: The disk is gone.\n" in captured.err
    assert "tokens: 0 deleted\n" in captured.out


def test_the_worker_does_it_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    make_sessions(1, ended=True)
    monkeypatch.setattr(housekeeping, "FIRST_RUN_S", 0.0)
    # No other job may still run when the tables are emptied.
    monkeypatch.setattr(housekeeping, "jobs", {"sessions": housekeeping.delete_expired_sessions})
    monkeypatch.setattr("morpheus.worker.loop.Worker.run", lambda worker: wait_until_deleted())

    call_command("worker")

    assert not Session.objects.exists()


def wait_until_deleted() -> None:
    deadline = time.monotonic() + 30
    while Session.objects.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
