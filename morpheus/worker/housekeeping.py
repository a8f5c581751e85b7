"""Housekeeping: delete rows and files that nothing needs any more.

Apps register jobs. A job runs as the serving role, because no other role may change rows without
row level security; its transactions have the identity of staff, because the rows are of all users.
Each is short, and takes rows that no other transaction holds. So two runs at once share the work,
and a killed run leaves nothing half done.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from django.contrib.sessions.models import Session
from django.core.files.storage import storages
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone
from django_tasks_db.models import DBTaskResult
from prometheus_client import Counter, Gauge

from morpheus.db.transactions import write_transaction
from morpheus.http.log_format import log_event

logger = logging.getLogger(__name__)

# Returns how many rows or files it deleted.
Job = Callable[[], int]

FIRST_RUN_S = 60.0
INTERVAL_S = 24 * 3600.0
BATCH = 500
TASK_AGE = timedelta(days=7)
# Of a file without a row. The row of a new file is committed within minutes. After a restore, so
# long is the way back to the database of before (docs/backup.md).
FILE_AGE = timedelta(days=7)
# Files that one query looks up: each reads a table without an index of names.
LOOKUP = 20_000
# Above this number, strays may not be more than half of all files.
FEW_FILES = 100

_deleted = Counter(
    "morpheus_housekeeping_deleted_total", "Rows and files that housekeeping deleted.", ["kind"]
)
_failures = Counter(
    "morpheus_housekeeping_failures_total", "Runs of a housekeeping job that failed.", ["kind"]
)
_finished = Gauge(
    "morpheus_housekeeping_finished_timestamp_seconds",
    "Time of the last run whose jobs all succeeded.",
    multiprocess_mode="max",
)


class TooManyStrays(Exception):
    """Most files have no row: the database may be another one than that of the files."""


def run_jobs() -> dict[str, int | Exception]:
    """Run all jobs; return what each deleted, or its error, which the log has too."""
    started = time.monotonic()
    results: dict[str, int | Exception] = {}
    for name, job in jobs.items():
        try:
            results[name] = deleted = job()
            _deleted.labels(name).inc(deleted)
        except Exception as error:
            logger.exception("The housekeeping job %s failed.", name)
            _failures.labels(name).inc()
            results[name] = error
    numbers = {name: result for name, result in results.items() if isinstance(result, int)}
    if len(numbers) == len(results):
        _finished.set_to_current_time()
    seconds = round(time.monotonic() - started, 3)
    log_event(logger, logging.INFO, "housekeeping", "", seconds=seconds, **numbers)
    return results


def start() -> None:
    """Run the jobs from now on once a day, in a thread of this process."""
    threading.Thread(target=_run_for_ever, name="housekeeping", daemon=True).start()


def _run_for_ever() -> None:
    time.sleep(FIRST_RUN_S)
    while True:
        try:
            run_jobs()
        finally:
            connection.close()
        time.sleep(INTERVAL_S)


def delete_in_batches(rows: QuerySet[Any]) -> int:
    """Delete the rows, `BATCH` of them in each transaction; return how many."""
    deleted = 0
    while True:
        with write_transaction(as_staff=True):
            unlocked = rows.order_by().select_for_update(skip_locked=True)
            keys = list(unlocked.values_list("pk", flat=True)[:BATCH])
            rows.model._default_manager.filter(pk__in=keys).delete()
        deleted += len(keys)
        if len(keys) < BATCH:
            return deleted


def delete_stray_files(
    *,
    alias: str,
    root: str,
    pattern: str,
    select_known: Callable[[list[str]], Iterable[str]],
    delete: Callable[[str], bool],
) -> int:
    """Delete files without a row that are older than `FILE_AGE`; return how many.

    Args:
        alias: Of the storage.
        root: Folder whose subfolders have the files.
        pattern: Matches the names, without the folder, of files that may be deleted.
        select_known: Returns those of the paths that have a row, in a transaction as staff.
        delete: Deletes a path, unless it got a row; returns whether it did.

    Raises:
        TooManyStrays: Nothing was deleted.
    """
    storage, total, strays, waiting = storages[alias], 0, [], []
    try:
        folders = [f"{root}{name}" for name in sorted(storage.listdir(root)[0])]
    except FileNotFoundError:
        return 0  # Nothing was ever stored.
    for folder in folders:
        names = storage.listdir(folder)[1]
        waiting += [f"{folder}/{name}" for name in names if re.fullmatch(pattern, name)]
        if len(waiting) >= LOOKUP or folder == folders[-1]:
            with write_transaction(as_staff=True):
                known = set(select_known(waiting))
            total += len(waiting)
            strays += [path for path in waiting if path not in known]
            waiting = []
    newest = timezone.now() - FILE_AGE
    strays = [path for path in strays if storage.get_modified_time(path) < newest]
    if len(strays) > max(FEW_FILES, total / 2):
        raise TooManyStrays(
            f"{len(strays)} of {total} files in {alias} have no row, for example {strays[0]}. "
            "None is deleted: is this the database of these files?"
        )
    return sum(delete(path) for path in strays)


def delete_expired_sessions() -> int:
    """Delete the sessions that ended; a cached one knows its end."""
    return delete_in_batches(Session.objects.filter(expire_date__lt=timezone.now()))


def delete_finished_tasks() -> int:
    """Delete the tasks that finished longer than `TASK_AGE` ago."""
    rows = DBTaskResult.objects.finished().filter(finished_at__lt=timezone.now() - TASK_AGE)
    return delete_in_batches(rows)


jobs: dict[str, Job] = {
    "sessions": delete_expired_sessions,
    "tasks": delete_finished_tasks,
}
