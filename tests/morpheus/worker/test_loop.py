"""The worker's loop: queued tasks run, whatever happens to worker and database."""

from __future__ import annotations

import signal
import threading
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from django_tasks import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from morpheus.db.transactions import write_transaction
from morpheus.worker import loop
from morpheus.worker.tasks import MAX_ATTEMPTS, requeue_lost_tasks
from novels import tasks
from novels.models import Chapter, ChapterText, Novel, SearchDocument
from novels.services.processing import upload_parse

from .conftest import (
    PATIENCE_S,
    expire_leases,
    status_of,
    wait_for,
    worker_process,
)

CHAPTERS, WORDS = 300, 400


def chapter_ids(novel: Any) -> Any:
    with write_transaction(as_user=novel.owner_id):
        return list(Chapter.objects.of_novel(novel.pk).values_list("pk", flat=True))


def assert_parsed(novel: Any) -> None:
    assert status_of(novel).state == "completed"
    with write_transaction(as_user=novel.owner_id):
        numbers = list(Chapter.objects.of_novel(novel.pk).values_list("number", flat=True))
        novel = Novel.objects.get(pk=novel.pk)
        assert numbers == list(range(1, CHAPTERS + 1))
        assert (novel.chapter_count, novel.word_count) == (CHAPTERS, CHAPTERS * WORDS)
        assert ChapterText.objects.count() == CHAPTERS
        assert SearchDocument.objects.count() == CHAPTERS + 1


def test_queued_tasks_run(make_upload: Any) -> None:
    novel = make_upload()

    call_command("worker", batch=True)

    assert status_of(novel).state == "completed"
    assert DBTaskResult.objects.get().status == TaskResultStatus.SUCCESSFUL


def test_a_task_that_fails_does_not_stop_the_worker(
    make_upload: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make_upload()
    novel = make_upload(chapters=3)
    really, calls = upload_parse, []

    def first_fails(**given: Any) -> None:
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
def test_a_worker_killed_in_the_middle_leaves_the_job_to_the_next(make_upload: Any) -> None:
    novel = make_upload(CHAPTERS, WORDS)
    with worker_process() as first:
        wait_for(lambda: status_of(novel).state == "processing")
        first.send_signal(signal.SIGSTOP)
        assert status_of(novel).state == "processing"
        # Paused, but its lease is valid: no other worker takes the task.
        assert requeue_lost_tasks() == 0
    assert DBTaskResult.objects.get().status == TaskResultStatus.RUNNING
    expire_leases()

    call_command("worker", batch=True)

    assert_parsed(novel)
    assert len(DBTaskResult.objects.get().worker_ids) == 2


@pytest.mark.django_db(transaction=True)
def test_a_paused_worker_that_lost_its_task_writes_nothing(make_upload: Any) -> None:
    novel = make_upload(CHAPTERS, WORDS)
    with worker_process() as paused:
        wait_for(lambda: status_of(novel).state == "processing")
        paused.send_signal(signal.SIGSTOP)
        expire_leases()
        call_command("worker", batch=True)
        assert_parsed(novel)
        before = DBTaskResult.objects.values().get()
        chapters = chapter_ids(novel)

        paused.send_signal(signal.SIGCONT)
        another = make_upload(chapters=3)
        wait_for(lambda: status_of(another).state == "completed")

    assert status_of(novel).state == "completed"
    assert DBTaskResult.objects.values().get(pk=before["id"]) == before
    assert chapter_ids(novel) == chapters


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_asked_to_stop_finishes_its_task(make_upload: Any, number: Any) -> None:
    novel = make_upload(CHAPTERS // 3, WORDS)
    with worker_process() as process:
        wait_for(lambda: status_of(novel).state == "processing")
        process.send_signal(number)
        assert process.wait(PATIENCE_S) == 0
    assert status_of(novel).state == "completed"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("signals", [[signal.SIGTERM], [signal.SIGTERM, signal.SIGINT]])
def test_a_worker_that_is_asked_to_stop_gives_a_long_task_back(
    make_upload: Any, connect: Any, signals: list[int]
) -> None:
    environment = {
        "DJANGO_SETTINGS_MODULE": "tests.stopping_settings",
        "MORPHEUS_TEST_STOP_TIMEOUT_S": "600" if signals[1:] else "1",
    }
    novel = make_upload()
    with connect("superuser") as blocker, worker_process(**environment) as process:
        with blocker.transaction():
            blocker.execute("LOCK TABLE novels_chapter")
            wait_for(is_waiting_for_a_lock)
            for number in signals:
                process.send_signal(number)
            assert process.wait(PATIENCE_S) == 0
        row = DBTaskResult.objects.get()
        assert (row.status, row.worker_ids) == (TaskResultStatus.READY, [])

    call_command("worker", batch=True)

    assert status_of(novel).state == "completed"
    assert len(DBTaskResult.objects.get().worker_ids) == 1


def is_waiting_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return bool(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_an_idle_worker_ends_at_once_when_asked(make_upload: Any) -> None:
    novel = make_upload()
    with worker_process() as process:
        wait_for(lambda: status_of(novel).state == "completed")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0


@pytest.mark.django_db(transaction=True)
def test_a_worker_survives_the_loss_of_every_connection(make_upload: Any) -> None:
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
        connection.close_pool()  # type: ignore[attr-defined]
        novel = make_upload(chapters=4)
        wait_for(lambda: status_of(novel).state == "completed")
        assert process.poll() is None


@pytest.mark.django_db(transaction=True)
def test_a_task_is_taken_up_again_after_the_database_was_gone(
    make_upload: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    novel = make_upload()
    really, calls = upload_parse, []
    worker_thread = loop.Worker(interval_s=0.01)

    def gone_at_first(**given: Any) -> None:
        calls.append(given)
        if len(calls) == 1:
            raise OperationalError("server closed the connection unexpectedly")
        really(**given)
        worker_thread.stop()

    monkeypatch.setattr(tasks, "upload_parse", gone_at_first)
    monkeypatch.setattr(loop, "FIRST_PAUSE_S", 0.01)

    def run() -> None:
        try:
            worker_thread.run()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(PATIENCE_S)

    assert status_of(novel).state == "completed"
    assert len(DBTaskResult.objects.get().worker_ids) == 2


@pytest.mark.django_db(transaction=True)
def test_a_task_waits_for_as_long_as_the_database_is_full(
    make_upload: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    novel = make_upload()
    monkeypatch.setattr(loop, "LAST_PAUSE_S", 0.01)
    really, attempts = upload_parse, []

    def disk_is_full_first(**given: Any) -> None:
        attempts.append(given)
        if len(attempts) <= 2 * MAX_ATTEMPTS:
            with connection.cursor() as cursor:
                cursor.execute("DO $$ BEGIN RAISE disk_full; END $$")
        really(**given)
        running.stop()

    monkeypatch.setattr(tasks, "upload_parse", disk_is_full_first)
    running = loop.Worker(interval_s=0.01)
    give_up = threading.Timer(PATIENCE_S, running.stop)
    give_up.start()

    running.run()

    give_up.cancel()
    assert status_of(novel).state == "completed"
    row = DBTaskResult.objects.get()
    assert (row.status, len(row.worker_ids)) == (TaskResultStatus.SUCCESSFUL, 1)
