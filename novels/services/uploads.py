"""Create novels from files, and parse files again."""

from __future__ import annotations

import errno
import hashlib
import logging
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.core.files import File
from django.core.files.storage import storages
from django.db import IntegrityError, InterfaceError, OperationalError, transaction

from morpheus.api.domain_errors import DomainError
from morpheus.db.transactions import read_transaction, write_transaction
from morpheus.http.bulkhead import Busy
from morpheus.http.disk_space import is_disk_full
from morpheus.storage.files import StorageUnavailable, find_folder
from morpheus.worker.housekeeping import delete_stray_files
from novels.models import Novel, NovelUpload, ProcessingStatus
from novels.parsing import FileFormat
from novels.search.documents import documents_rebuild
from novels.services.processing import State, default_title, novel_store_parsed, status_set
from novels.services.sandboxed import check_upload, parse_novel
from users.models import belonging_to
from users.querysets import LockingRead
from users.quotas import quota_require

logger = logging.getLogger(__name__)

_LOCKED = LockingRead(Novel)


class UploadExists(DomainError):
    """The owner has uploaded the same file before: that of the novel `novel_id`."""

    status = HTTPStatus.CONFLICT
    code = "upload_exists"

    def __init__(self, novel_id: int) -> None:
        super().__init__(f"This file is already novel {novel_id}.", existing_id=novel_id)
        self.novel_id = novel_id


class NothingToParse(DomainError):
    """The novel has no file, or its parse is queued already; the message says which."""

    status = HTTPStatus.CONFLICT
    code = "nothing_to_parse"


@dataclass(frozen=True, slots=True)
class StoredUpload:
    """A checked file that is stored; its novel has no row yet."""

    filename: str
    # SHA-256 of the content in hexadecimal.
    digest: str
    # In the storage.
    path: str
    size_bytes: int


@contextmanager
def upload_stored(
    *, owner_id: int, file: File[Any], file_format: FileFormat, filename: str
) -> Iterator[StoredUpload]:
    """Store a file, and delete it if the block fails, which has the transaction of its novel.

    Args:
        file_format: From `check_upload`.

    Raises:
        UploadExists: The owner has uploaded this file before.
        StorageUnavailable: The object store does not take it.
    """
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    with read_transaction(as_user=owner_id):
        _refuse_existing(owner_id, digest)
    name = uuid.uuid4().hex
    path = f"novels/{name[:2]}/{name}.{file_format}"
    try:
        # The path is unique, so the file there is this one, even if a full disk cut it short.
        storages["uploads"].save(path, file)
        folder = find_folder("uploads")
        if folder is not None and (folder / path).stat().st_size != file.size:
            # Django moves a file between file systems by `os.write` and ignores a partial write.
            raise OSError(errno.ENOSPC, "An upload was written partially")
        yield StoredUpload(filename, digest, path, file.size)
    except BaseException as error:
        # A lost connection may have committed. Housekeeping deletes a file that has no row.
        is_lost = isinstance(error, OperationalError | InterfaceError) and not is_disk_full(error)
        if not (is_lost or isinstance(error, StorageUnavailable)):
            _delete_file(path)
        raise


def novel_create_from_upload(
    *, owner_id: int, upload: StoredUpload, fields: Mapping[str, Any]
) -> Novel:
    """Create the novel of a stored file and queue its parse.

    Args:
        fields: Columns of the novel that the owner set.

    Raises:
        UploadExists: The owner has uploaded this file before.
        QuotaExceeded: The upload would exceed the owner's quota.
    """
    quota_require(owner_id=owner_id, novels=1, size_bytes=upload.size_bytes)
    with _create(owner_id, upload, fields) as novel:
        _parse_enqueue(novel, given=sorted(fields))
    return novel


def novel_import(
    *, owner_id: int, file: File[Any], filename: str, fields: Mapping[str, Any]
) -> Novel:
    """Parse a file at once and store it with its novel, without a quota; or change nothing.

    Raises:
        ParseError: The file is refused; the message says why.
        UploadExists: The owner has uploaded this file before.
    """
    file_format = check_upload(file, filename)
    with upload_stored(
        owner_id=owner_id, file=file, file_format=file_format, filename=filename
    ) as upload:
        parsed = parse_novel(file, filename)
        with write_transaction(as_user=owner_id):
            with _create(owner_id, upload, fields) as novel:
                novel_store_parsed(novel_id=novel.pk, parsed=parsed, given=sorted(fields))
            summary: Novel = Novel.objects.for_summary().get(pk=novel.pk)
    return summary


@transaction.atomic
def novel_reparse(*, novel_id: int) -> None:
    """Queue another parse of a novel's file, for staff; later changes by the owner are kept.

    Raises:
        NothingToParse: There is no file, or its parse is queued already.
        Novel.DoesNotExist: There is no such novel, or the user may not change it.
    """
    novel = Novel.objects.select_for_update(of=("self",), no_key=True).get(pk=novel_id)
    if ProcessingStatus.objects.filter(pk=novel_id, state=State.PENDING).exists():
        raise NothingToParse(f"The parse of novel {novel_id} is queued already.")
    _reparse(novel)


@transaction.atomic(savepoint=False)
def novel_parse_again(*, novel_id: int, owner_id: int) -> None:
    """Queue another parse as `novel_reparse`, unless one is queued or running: then do nothing.

    The chapters stay until `novel_store_parsed` replaces them in one transaction.

    Raises:
        NothingToParse: There is no file.
        Novel.DoesNotExist: The owner has no such novel.
    """
    novel = _LOCKED.get(novel_id, owner_id)
    states = ProcessingStatus.objects.filter(pk=novel_id).values_list("state", flat=True)
    if states.first() not in (State.PENDING, State.PROCESSING):
        _reparse(novel)


def _reparse(novel: Novel) -> None:
    if not NovelUpload.objects.filter(pk=novel.pk).exists():
        raise NothingToParse(f"Novel {novel.pk} has no uploaded file.")
    status_set(novel_id=novel.pk, state=State.PENDING, progress=0)
    _parse_enqueue(novel, given=[])


def upload_files_delete_stray() -> int:
    """Delete old files without a row, as an upload leaves that was killed; return how many.

    Reads the whole table of uploads once for each 20,000 files.
    """

    def delete(path: str) -> bool:
        # Its name is random, so it never gets a row any more.
        storages["uploads"].delete(path)
        return True

    return delete_stray_files(
        alias="uploads",
        root="novels/",
        pattern=r"[0-9a-f]{32}\.\w+",
        select_known=lambda paths: NovelUpload.objects.filter(path__in=paths).values_list(
            "path", flat=True
        ),
        delete=delete,
    )


def _refuse_existing(owner_id: int, digest: str) -> None:
    uploads = NovelUpload.objects.filter(owner_id=owner_id, digest=digest)
    novel_id = uploads.values_list("pk", flat=True).first()
    if novel_id is not None:
        raise UploadExists(novel_id)


def _delete_file(path: str) -> None:
    try:
        storages["uploads"].delete(path)
    except (StorageUnavailable, Busy) as error:
        logger.warning("Housekeeping will delete the file of an upload: %s", error)


@contextmanager
def _create(owner_id: int, upload: StoredUpload, fields: Mapping[str, Any]) -> Iterator[Novel]:
    """Write the rows of a stored file's novel, in one transaction with the block.

    The unique index refuses the second of two equal uploads.
    """
    try:
        with transaction.atomic():
            columns = {"title": default_title(upload.filename), **fields}
            novel = Novel.objects.create(**columns, owner_id=owner_id)
            NovelUpload.objects.create(
                novel=novel,
                owner_id=owner_id,
                digest=upload.digest,
                filename=upload.filename[-255:],
                path=upload.path,
                size_bytes=upload.size_bytes,
            )
            ProcessingStatus.objects.create(novel=novel, **belonging_to(novel))
            documents_rebuild(novel_id=novel.pk)
            yield novel
    except IntegrityError:
        _refuse_existing(owner_id, upload.digest)
        raise


def _parse_enqueue(novel: Novel, *, given: list[str]) -> None:
    from novels.tasks import parse_upload  # Not at the top: the task imports the services.

    parse_upload.enqueue(novel_id=novel.pk, owner_id=novel.owner_id, given=given)
