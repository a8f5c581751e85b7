"""The lease of a worker, and the tasks of workers without one."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django_tasks import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from morpheus.db.transactions import write_transaction
from morpheus.worker import lease as lease_module
from morpheus.worker import loop
from morpheus.worker import tasks as tasks_module
from morpheus.worker.lease import LEASE_S, Lease, read_leased_ids
from morpheus.worker.tasks import (
    MAX_ATTEMPTS,
    TaskTakenOver,
    claim_task,
    hold_task,
    requeue_lost_tasks,
    running_task,
)
from novels import tasks
from novels.services.novels import novel_delete
from novels.services.processing import status_advance, status_fail

from .conftest import (
    PATIENCE_S,
    expire_leases,
    read_leases,
    run_under,
    status_of,
    wait_for,
    worker_process,
)

# How long the transactions of other sessions have been open.
OPEN_AGES = """
SELECT extract(epoch FROM clock_timestamp() - xact_start)::float8 FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
    AND backend_type = 'client backend'
"""


def in_threads(*functions: Any) -> Any:
    """Run the functions at once, each with a connection of its own; return their results."""
    barrier = threading.Barrier(len(functions))
    results = []

    def run(function: Any) -> None:
        try:
            barrier.wait()
            results.append(function())
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[function]) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    return results


def test_a_lease_expires_by_the_clock_of_the_database(db: None) -> None:
    with Lease() as lease:
        assert LEASE_S - 1 < read_leases()[lease.worker_id] <= LEASE_S

    assert read_leases() == {}


@pytest.mark.django_db(transaction=True)
def test_a_lease_is_renewed_while_a_task_keeps_the_interpreter_busy(
    make_upload: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_upload()
    monkeypatch.setattr(lease_module, "HEARTBEAT_S", 0.05)
    rest: list[float] = []

    def compute(**arguments: Any) -> None:
        expire_leases()
        deadline = time.monotonic() + 1.0
        while time.monotonic() < deadline:
            sum(range(10_000))
        rest.extend(read_leases().values())

    monkeypatch.setattr(tasks, "upload_parse", compute)

    loop.Worker(interval_s=0.01).drain()

    assert len(rest) == 1 and rest[0] > LEASE_S - 1


@pytest.mark.django_db(transaction=True)
def test_a_lease_is_renewed_after_the_database_failed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(lease_module, "HEARTBEAT_S", 0.05)
    execute = lease_module._execute
    failures: list[str] = []

    def fail_twice(statement: Any, *parameters: Any) -> Any:
        if threading.current_thread().name == "heartbeat" and len(failures) < 2:
            failures.append(statement)
            raise OperationalError("server closed the connection unexpectedly")
        return execute(statement, *parameters)

    with Lease():
        monkeypatch.setattr(lease_module, "_execute", fail_twice)
        wait_for(lambda: len(failures) == 2)
        expire_leases()
        wait_for(lambda: min(read_leases().values()) > LEASE_S - 1)

    assert "the lease was not renewed: server closed" in caplog.text


def test_a_task_of_a_dead_worker_is_queued_again(make_upload: Any) -> None:
    make_upload()
    row = run_under(["dead"])

    assert requeue_lost_tasks() == 1

    row.refresh_from_db()
    assert row.status == TaskResultStatus.READY


def test_a_task_of_a_living_worker_is_left_alone(make_upload: Any) -> None:
    make_upload()
    with Lease() as alive:
        row = run_under(["dead", alive.worker_id])
        assert requeue_lost_tasks() == 0

    row.refresh_from_db()
    assert row.status == TaskResultStatus.RUNNING


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_dies_between_claim_and_run_leaves_its_task_to_the_next(
    make_upload: Any,
) -> None:
    make_upload()
    lease = Lease()
    row = claim_task(lease)
    assert row is not None
    assert requeue_lost_tasks() == 0
    expire_leases()

    assert requeue_lost_tasks() == 1
    assert read_leases() == {}

    row.refresh_from_db()
    assert (row.status, row.worker_ids) == (TaskResultStatus.READY, [lease.worker_id])


@pytest.mark.django_db(transaction=True)
def test_a_claim_renews_an_expired_lease(make_upload: Any) -> None:
    make_upload()
    with Lease() as lease:
        expire_leases()
        requeue_lost_tasks()
        assert read_leases() == {}

        claim_task(lease)

        assert requeue_lost_tasks() == 0
    assert DBTaskResult.objects.get().status == TaskResultStatus.RUNNING


@pytest.mark.django_db(transaction=True)
def test_workers_that_start_at_once_share_the_tasks(make_upload: Any) -> None:
    for chapters in range(2, 8):
        make_upload(chapters=chapters)
    row = DBTaskResult.objects.earliest("enqueued_at")
    row.claim("dead")

    in_threads(*[loop.Worker(interval_s=0.01).drain] * 3)

    results = dict(DBTaskResult.objects.values_list("pk", "worker_ids"))
    assert len(results.pop(row.pk)) == 2
    assert [len(worker_ids) for worker_ids in results.values()] == [1] * 5
    assert not DBTaskResult.objects.exclude(status=TaskResultStatus.SUCCESSFUL).exists()


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_queue_a_task_once(make_upload: Any) -> None:
    make_upload()
    run_under(["dead"])

    assert sorted(in_threads(requeue_lost_tasks, requeue_lost_tasks)) == [0, 1]


@pytest.mark.django_db(transaction=True)
def test_a_sweep_beside_a_claim_does_not_take_the_task(
    make_upload: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_upload()

    def claim_meanwhile() -> Any:
        leased_ids = read_leased_ids()
        in_threads(lambda: claim_task(Lease()))
        return leased_ids

    monkeypatch.setattr(tasks_module, "read_leased_ids", claim_meanwhile)

    assert requeue_lost_tasks() == 0

    assert DBTaskResult.objects.get().status == TaskResultStatus.RUNNING


def test_a_task_that_kills_its_workers_is_given_up(make_upload: Any) -> None:
    novel = make_upload()
    row = run_under(["dead"] * MAX_ATTEMPTS)

    assert requeue_lost_tasks() == 0

    row.refresh_from_db()
    assert row.status == TaskResultStatus.FAILED
    assert (status_of(novel).state, status_of(novel).message) == ("failed", tasks.GIVEN_UP)


def test_giving_up_on_a_deleted_novel_breaks_nothing(make_upload: Any) -> None:
    novel = make_upload()
    row = run_under(["dead"] * MAX_ATTEMPTS)
    with write_transaction(as_user=novel.owner_id):
        novel_delete(novel_id=novel.pk)

    requeue_lost_tasks()

    row.refresh_from_db()
    assert row.status == TaskResultStatus.FAILED


@pytest.mark.parametrize("write", [status_advance, status_fail])
def test_a_worker_that_lost_its_task_cannot_change_a_status(make_upload: Any, write: Any) -> None:
    novel = make_upload()
    stale = run_under(["paused"])
    run_under(["paused", "another"])
    arguments: dict[Any, dict[str, Any]] = {
        status_advance: {"stage": "reading", "progress": 1},
        status_fail: {"message": "too slow"},
    }
    token = running_task.set(stale)
    try:
        with pytest.raises(TaskTakenOver):
            write(novel_id=novel.pk, owner_id=novel.owner_id, **arguments[write])
    finally:
        running_task.reset(token)

    assert (status_of(novel).state, status_of(novel).message) == ("pending", "")


@pytest.mark.django_db(transaction=True)
def test_a_task_that_is_held_is_not_queued_again(make_upload: Any) -> None:
    make_upload()
    token = running_task.set(run_under(["paused"]))
    try:
        with transaction.atomic():
            hold_task()
            assert in_threads(requeue_lost_tasks) == [0]
    finally:
        running_task.reset(token)

    assert requeue_lost_tasks() == 1


def test_a_result_after_a_takeover_is_not_written(
    make_upload: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make_upload()

    def lose_the_task(**arguments: Any) -> None:
        run_under(["paused", "another"])

    monkeypatch.setattr(tasks, "upload_parse", lose_the_task)

    loop.Worker(interval_s=0.01).drain()

    row = DBTaskResult.objects.get()
    assert (row.status, row.worker_ids) == (TaskResultStatus.RUNNING, ["paused", "another"])
    assert "belongs to another worker" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_no_transaction_of_a_worker_stays_open(make_upload: Any) -> None:
    """An open transaction would delay vacuum and CREATE INDEX CONCURRENTLY."""
    ages = {"idle": [0.0], "busy": [0.0]}

    def watch(phase: Any) -> None:
        with connection.cursor() as cursor:
            ages[phase] += [age for (age,) in cursor.execute(OPEN_AGES).fetchall()]

    def is_completed() -> Any:
        watch("busy")
        return status_of(novel).state == "completed"

    with worker_process():
        wait_for(read_leases)
        novel = make_upload(chapters=300, words=400)
        wait_for(is_completed)
        idle_until = time.monotonic() + 2
        while time.monotonic() < idle_until:
            watch("idle")

    # An idle worker looks at the queue; a busy one stores all chapters in one transaction.
    assert max(ages["idle"]) < 0.5
    assert max(ages["busy"]) < 5


@pytest.mark.django_db(transaction=True)
def test_an_index_is_created_concurrently_while_a_worker_lives(connect: Any) -> None:
    owner = connect("owner")
    owner.execute("SET statement_timeout = '20s'")
    with worker_process():
        wait_for(read_leases)

        owner.execute("CREATE INDEX CONCURRENTLY a_test_idx ON novels_genre (name)")

    owner.execute("DROP INDEX a_test_idx")
