"""The worker: what is queued is run, whatever happens to workers."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest
from django.conf import settings
from django.core.files import File
from django.core.management import call_command
from django.db import OperationalError, connection
from django_tasks import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from morpheus.db.transactions import write_transaction
from morpheus.worker import lease as presence
from morpheus.worker import loop as worker
from morpheus.worker.lease import MAX_ATTEMPTS, Presence, lost_tasks_return
from novels import tasks
from novels.models import Chapter, ChapterText, Novel, ProcessingStatus, SearchDocument
from novels.services import novel_create_from_upload, novel_delete

CHAPTERS, WORDS = 300, 400
PATIENCE_S = 60


@pytest.fixture
def make_upload(make_user):
    ann = make_user("ann")

    def make(chapters=2, words=5):
        text = "\n\n".join(
            f"CHAPTER {number}\n\n" + " ".join(f"word{(number * i) % 997}" for i in range(words))
            for number in range(1, chapters + 1)
        ).encode()
        file = File(io.BytesIO(text), name="big.txt")
        file.size = len(text)
        with write_transaction(as_user=ann.pk):
            return novel_create_from_upload(
                owner_id=ann.pk, file=file, file_format="txt", filename="big.txt", fields={}
            )

    return make


def status_of(novel):
    with write_transaction(as_user=novel.owner_id):
        return ProcessingStatus.objects.get(pk=novel.pk)


def wait_for(reached):
    deadline = time.monotonic() + PATIENCE_S
    while not reached():
        assert time.monotonic() < deadline, "this never happened"
        time.sleep(0.02)


@contextmanager
def worker_process(*arguments):
    process = subprocess.Popen(
        [sys.executable, "manage.py", "worker", "--interval", "0.05", *arguments],
        cwd=settings.BASE_DIR,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def running_under(worker_ids):
    """Leave one queued task as workers that died leave it."""
    row = DBTaskResult.objects.get()
    row.status, row.worker_ids = TaskResultStatus.RUNNING, worker_ids
    row.save()
    return row


def test_what_is_queued_is_run(make_upload):
    novel = make_upload()

    call_command("worker", batch=True)

    assert status_of(novel).state == "completed"
    assert DBTaskResult.objects.get().status == TaskResultStatus.SUCCESSFUL


def test_a_task_that_fails_does_not_stop_the_worker(make_upload, monkeypatch, caplog):
    make_upload()
    novel = make_upload(chapters=3)
    really, calls = tasks.upload_parse, []

    def first_fails(**given):
        calls.append(given)
        if len(calls) == 1:
            raise RuntimeError("no")
        really(**given)

    monkeypatch.setattr(tasks, "upload_parse", first_fails)

    call_command("worker", batch=True)

    assert status_of(novel).state == "completed"
    states = sorted(DBTaskResult.objects.values_list("status", flat=True))
    assert states == [TaskResultStatus.FAILED, TaskResultStatus.SUCCESSFUL]
    assert "RuntimeError" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_in_the_middle_leaves_the_job_to_the_next(make_upload):
    novel = make_upload(CHAPTERS, WORDS)
    with worker_process() as first:
        wait_for(lambda: status_of(novel).state == "processing")
        first.send_signal(signal.SIGSTOP)
        assert status_of(novel).state == "processing"
        # Alive, if asleep: nobody takes its task.
        assert lost_tasks_return() == 0
    assert DBTaskResult.objects.get().status == TaskResultStatus.RUNNING

    def done():
        call_command("worker", batch=True)
        return DBTaskResult.objects.get().status == TaskResultStatus.SUCCESSFUL

    wait_for(done)

    assert status_of(novel).state == "completed"
    assert len(DBTaskResult.objects.get().worker_ids) == 2
    with write_transaction(as_user=novel.owner_id):
        numbers = list(Chapter.objects.of_novel(novel.pk).values_list("number", flat=True))
        novel = Novel.objects.get(pk=novel.pk)
        assert numbers == list(range(1, CHAPTERS + 1))
        assert (novel.chapter_count, novel.word_count) == (CHAPTERS, CHAPTERS * WORDS)
        assert ChapterText.objects.count() == CHAPTERS
        assert SearchDocument.objects.count() == CHAPTERS + 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_asked_to_stop_finishes_its_task(make_upload, number):
    novel = make_upload(CHAPTERS // 3, WORDS)
    with worker_process() as process:
        wait_for(lambda: status_of(novel).state == "processing")
        process.send_signal(number)
        assert process.wait(PATIENCE_S) == 0
    assert status_of(novel).state == "completed"


@pytest.mark.django_db(transaction=True)
def test_an_idle_worker_ends_at_once_when_asked(make_upload):
    novel = make_upload()
    with worker_process() as process:
        wait_for(lambda: status_of(novel).state == "completed")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0


@pytest.mark.django_db(transaction=True)
def test_a_worker_survives_the_loss_of_every_connection(make_upload):
    make_upload()
    with worker_process() as process:
        wait_for(lambda: DBTaskResult.objects.get().status == TaskResultStatus.SUCCESSFUL)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid() "
                "AND usename = current_user"
            )
        # This process' own pool lost connections as well, and would pause for each.
        connection.close()
        connection.close_pool()
        novel = make_upload(chapters=4)
        wait_for(lambda: status_of(novel).state == "completed")
        assert process.poll() is None


@pytest.mark.django_db(transaction=True)
def test_a_task_is_taken_up_again_after_the_database_was_gone(make_upload, monkeypatch):
    novel = make_upload()
    really, calls = tasks.upload_parse, []
    worker_thread = worker.Worker(interval_s=0.01)

    def gone_at_first(**given):
        calls.append(given)
        if len(calls) == 1:
            raise OperationalError("server closed the connection unexpectedly")
        really(**given)
        worker_thread.stop()

    monkeypatch.setattr(tasks, "upload_parse", gone_at_first)
    monkeypatch.setattr(worker, "FIRST_PAUSE_S", 0.01)

    def run():
        try:
            worker_thread.run()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(PATIENCE_S)

    assert status_of(novel).state == "completed"
    assert len(DBTaskResult.objects.get().worker_ids) == 2


def test_a_task_of_a_dead_worker_is_queued_again(make_upload):
    make_upload()
    row = running_under(["dead"])

    assert lost_tasks_return() == 1

    row.refresh_from_db()
    assert row.status == TaskResultStatus.READY


def test_a_task_of_a_living_worker_is_left_alone(make_upload):
    make_upload()
    alive = Presence()
    try:
        row = running_under(["dead", alive.worker_id])
        assert lost_tasks_return() == 0
    finally:
        alive.close()
    row.refresh_from_db()
    assert row.status == TaskResultStatus.RUNNING


def test_a_task_that_kills_its_workers_is_given_up(make_upload):
    novel = make_upload()
    row = running_under(["dead"] * MAX_ATTEMPTS)

    assert lost_tasks_return() == 0

    row.refresh_from_db()
    assert row.status == TaskResultStatus.FAILED
    assert (status_of(novel).state, status_of(novel).message) == ("failed", presence.GIVEN_UP)


def test_giving_up_on_a_deleted_novel_breaks_nothing(make_upload):
    novel = make_upload()
    row = running_under(["dead"] * MAX_ATTEMPTS)
    with write_transaction(as_user=novel.owner_id):
        novel_delete(novel_id=novel.pk)

    lost_tasks_return()

    row.refresh_from_db()
    assert row.status == TaskResultStatus.FAILED


def test_a_living_worker_keeps_no_row_from_being_vacuumed(db):
    alive = Presence()
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT state, backend_xid, backend_xmin FROM pg_stat_activity WHERE pid = %s",
                [alive._connection.info.backend_pid],
            )
            assert cursor.fetchone() == ("idle in transaction", None, None)
    finally:
        alive.close()


def test_a_lost_lock_is_noticed(db):
    lost = Presence()
    lost._connection.close()

    with pytest.raises(OperationalError):
        lost.confirm()


@pytest.mark.django_db(transaction=True)
def test_a_task_waits_for_as_long_as_the_database_is_full(make_upload, monkeypatch):
    novel = make_upload()
    monkeypatch.setattr(worker, "LAST_PAUSE_S", 0.01)
    really, attempts = tasks.upload_parse, []

    def disk_is_full_first(**given):
        attempts.append(given)
        if len(attempts) <= 2 * MAX_ATTEMPTS:
            with connection.cursor() as cursor:
                cursor.execute("DO $$ BEGIN RAISE disk_full; END $$")
        really(**given)
        running.stop()

    monkeypatch.setattr(tasks, "upload_parse", disk_is_full_first)
    running = worker.Worker(interval_s=0.01)
    give_up = threading.Timer(PATIENCE_S, running.stop)
    give_up.start()

    running.run()

    give_up.cancel()
    assert status_of(novel).state == "completed"
    row = DBTaskResult.objects.get()
    assert (row.status, len(row.worker_ids)) == (TaskResultStatus.SUCCESSFUL, 1)
