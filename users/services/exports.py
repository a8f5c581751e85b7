"""Exports of a user's data: an archive that the worker makes, and that expires."""

from __future__ import annotations

import logging
import os
import time
import uuid
from collections.abc import Iterable, Iterator
from datetime import timedelta
from http import HTTPStatus
from tempfile import NamedTemporaryFile
from typing import IO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import orjson
from django.conf import settings
from django.core.files import File
from django.core.files.storage import storages
from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.utils import timezone

from morpheus.api.domain_errors import DomainError
from morpheus.db.transactions import read_as, write_transaction
from morpheus.http.bulkhead import Busy
from morpheus.http.disk_space import has_free_space, is_disk_full
from morpheus.storage.files import StorageUnavailable, find_folder
from morpheus.worker.housekeeping import BATCH, delete_stray_files
from morpheus.worker.tasks import hold_task
from users.account_parts import ExportFile, account_parts
from users.models import AccessToken, AccountExport, User

logger = logging.getLogger(__name__)

State = AccountExport.State

TTL = timedelta(days=7)
# A running export of this age was lost with its task, and may be replaced.
LOST_AFTER = timedelta(hours=6)
# Seconds between two writes of the progress.
PROGRESS_INTERVAL_S = 1.0

DISK_FULL = "There is too little free space for an export. Try again later."
BROKEN = "An internal error occurred while the export was made; it has been logged."

_RUNNING = (State.PENDING, State.PROCESSING)


class ExportRunning(DomainError):
    """The user has an export that is not complete yet."""

    status = HTTPStatus.CONFLICT
    code = "export_running"

    def __init__(self, export_id: int | None) -> None:
        super().__init__("An export of yours is being made.", existing_id=export_id)


class ExportGone(Exception):
    """The export was deleted while it was made."""


def export_create(*, user_id: int) -> AccountExport:
    """Queue an export, in place of an earlier one. Invalidates `export:<id>` of both.

    Raises:
        ExportRunning: The earlier one is not complete yet.
    """
    from users.tasks import build_export  # Not at the top: the task imports the services.

    now = timezone.now()
    own = AccountExport.objects.filter(user_id=user_id)
    try:
        with transaction.atomic():
            earlier = own.exclude(state__in=_RUNNING, created_at__gt=now - LOST_AFTER)
            paths = [*earlier.values_list("path", flat=True)]
            earlier.delete()
            export = AccountExport.objects.create(
                user_id=user_id, created_at=now, expires_at=now + TTL
            )
            build_export.enqueue(export_id=export.pk, user_id=user_id)
    except IntegrityError as error:
        raise ExportRunning(own.values_list("pk", flat=True).first()) from error
    _delete_after_commit(paths)
    return export


def export_delete(*, user_id: int) -> None:
    """Delete the export of a user with its file."""
    with write_transaction(as_user=user_id):
        hold_task()
        own = AccountExport.objects.filter(user_id=user_id)
        paths = [*own.values_list("path", flat=True)]
        own.delete()
        _delete_after_commit(paths)


def exports_delete_expired() -> int:
    """Delete expired exports of all users, and old files without a row; return how many."""
    deleted = 0
    while True:
        with write_transaction(as_staff=True):
            expired = AccountExport.objects.filter(expires_at__lte=timezone.now())
            rows = expired.select_for_update(skip_locked=True).values_list("pk", "path")[:BATCH]
            paths = dict(rows)
            AccountExport.objects.filter(pk__in=paths).delete()
            _delete_after_commit(paths.values())
        deleted += len(paths)
        if len(paths) < BATCH:
            break
    return deleted + delete_stray_files(
        alias="exports",
        root="",
        pattern=r"[0-9a-f]{32}\.zip|\.\w+\.part",
        select_known=lambda paths: AccountExport.objects.filter(path__in=paths).values_list(
            "path", flat=True
        ),
        delete=_delete_stray,
    )


def export_build(*, export_id: int, user_id: int) -> None:
    """Make the archive of an export; running it twice gives one file.

    No transaction is open while files are read, and memory is bounded by a chapter.

    Raises:
        OperationalError, StorageUnavailable: Run it again.
    """
    report = _Progress(export_id, user_id)
    try:
        report.write(0)
        if not has_free_space():
            raise OSError(DISK_FULL)
        _store(export_id, user_id, report)
    except ExportGone:
        logger.info("Export %s was deleted while it was made.", export_id)
    except (OperationalError, InterfaceError, StorageUnavailable):
        raise
    except OSError as error:
        if not is_disk_full(error) and str(error) != DISK_FULL:
            export_fail(export_id=export_id, user_id=user_id, message=BROKEN)
            raise
        export_fail(export_id=export_id, user_id=user_id, message=DISK_FULL)
    except Exception:
        export_fail(export_id=export_id, user_id=user_id, message=BROKEN)
        raise


def export_fail(*, export_id: int, user_id: int, message: str) -> None:
    """Set the state `failed` with a message for the user."""
    with write_transaction(as_user=user_id):
        hold_task()
        AccountExport.objects.filter(pk=export_id).update(state=State.FAILED, message=message)


class _Progress:
    """Writes the progress of an export, in percent, at most once a second."""

    def __init__(self, export_id: int, user_id: int) -> None:
        self._export_id = export_id
        self._user_id = user_id
        self._written_at = 0.0

    def __call__(self, percent: int) -> None:
        if time.monotonic() - self._written_at >= PROGRESS_INTERVAL_S:
            self.write(percent)

    def write(self, percent: int) -> None:
        """Write it now.

        Raises:
            ExportGone: The export was deleted.
        """
        self._written_at = time.monotonic()
        with write_transaction(as_user=self._user_id):
            hold_task()
            running = AccountExport.objects.filter(pk=self._export_id, state__in=_RUNNING)
            if not running.update(state=State.PROCESSING, progress=percent):
                raise ExportGone


def _store(export_id: int, user_id: int, report: _Progress) -> None:
    name = uuid.uuid4().hex
    path = f"{name[:2]}/{name}.zip"
    size_bytes = _write(path, _list_files(user_id, report))
    with write_transaction(as_user=user_id):
        hold_task()
        is_stored = AccountExport.objects.filter(pk=export_id, state=State.PROCESSING).update(
            state=State.COMPLETED,
            progress=100,
            path=path,
            size_bytes=size_bytes,
            expires_at=timezone.now() + TTL,
        )
    if not is_stored:
        _delete_files([path])
        raise ExportGone


def _write(path: str, files: Iterable[ExportFile]) -> int:
    """Store an archive, complete or not at all; return its size."""
    folder = find_folder("exports")
    if folder is None:
        with NamedTemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR) as copy:
            write_archive(copy, files)
            size_bytes = copy.tell()
            copy.seek(0)
            storages["exports"].save(path, File(copy))
        return size_bytes
    # Where the file will be: the temporary folder may have far less room.
    place = (folder / path).parent
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    with NamedTemporaryFile(dir=place, prefix=".", suffix=".part", delete=False) as draft:
        try:
            write_archive(draft, files)
            size_bytes = draft.tell()
            os.replace(draft.name, folder / path)
        except BaseException:
            os.unlink(draft.name)
            raise
    return size_bytes


def write_archive(target: IO[bytes], files: Iterable[ExportFile]) -> None:
    """Write a ZIP of files, piece by piece; `missing.json` names those that are lost."""
    missing = []
    written_at = timezone.now().timetuple()[:6]
    with ZipFile(target, "w", ZIP_DEFLATED) as archive:
        for file in files:
            pieces = file.read()
            try:
                piece = next(pieces, b"")
            except FileNotFoundError:
                missing.append(file.name)
                continue
            info = ZipInfo(file.name, written_at)
            info.compress_type = ZIP_STORED if file.is_compressed else ZIP_DEFLATED
            with archive.open(info, "w", force_zip64=True) as entry:
                entry.write(piece)
                for piece in pieces:
                    entry.write(piece)
        if missing:
            archive.writestr("missing.json", orjson.dumps(missing))


def _list_files(user_id: int, report: _Progress) -> Iterator[ExportFile]:
    yield ExportFile("account.json", lambda: iter([_account_json(user_id)]))
    total = sum(part.count(user_id) for part in account_parts.values())
    done = 0
    for part in account_parts.values():
        for files in part.export(user_id):
            yield from files
            done += 1
            report(min(99, 100 * done // max(1, total)))


def _account_json(user_id: int) -> bytes:
    columns = ("id", "email", "confirmed_email", "pending_email", "display_name", "bio")
    token_columns = ("id", "name", "prefix", "can_write", "created_at", "expires_at")

    def read() -> bytes:
        user = User.objects.values(*columns, "date_joined", "last_login").get(pk=user_id)
        tokens = AccessToken.objects.filter(user_id=user_id).order_by("pk")
        user["tokens"] = [*tokens.values(*token_columns, "last_used_at")]
        return orjson.dumps(user, option=orjson.OPT_INDENT_2)

    return read_as(user_id, read)


def _delete_after_commit(paths: Iterable[str]) -> None:
    stored = [path for path in paths if path]

    def delete() -> None:  # Not a partial: Django logs the error of a function alone.
        _delete_files(stored)

    if stored:
        transaction.on_commit(delete, robust=True)


def _delete_files(paths: Iterable[str]) -> None:
    for path in paths:
        try:
            storages["exports"].delete(path)
        except (StorageUnavailable, Busy) as error:
            logger.warning("Housekeeping will delete the file of an export: %s", error)


def _delete_stray(path: str) -> bool:
    # Its name is random, so it never gets a row any more.
    storages["exports"].delete(path)
    return True
